"""What the local issuer is called, and how the platform comes to trust it.

Its identities are those of ``urn:quantum:local``, whatever port the host listens on: that is the issuer
stored with members. Tokens carry it as ``iss``, or, when they come from a sign-in over OpenID Connect, the
address they were got from, which clients compare. The platform takes the name and the last addresses that
this data folder was served at; all are signed with the folder's keys, so a token outlives a restart on
another port.
"""

import ipaddress
import json
import secrets
from base64 import b32encode
from pathlib import Path
from urllib.parse import urlsplit

from localhost.identity.algorithm import ALGORITHM
from localhost.identity.files import create, identity_folder, replace
from localhost.identity.keystore import KeyStore
from shared.adapters.jwt.issuers import Issuer

LOCAL_ISSUER = "urn:quantum:local"
AUDIENCE = "api://quantum"
PREFIX = "/identity"
ADDRESSES_KEPT = 16


class NotLocalError(ValueError):
    """The host's address is not on loopback, so it must not sign anybody in."""


def issuer_url(base_url: str) -> str:
    """The issuer's address on the host at ``base_url``."""
    return base_url.rstrip("/") + PREFIX


def local_issuer(data: Path, base_url: str, *, allow_remote: bool = False) -> Issuer:
    """The issuer of this data folder, as the verifier of the host at ``base_url`` is to trust it.

    The address is recorded: tokens got at it stay good when the host comes back at another.

    Raises:
        NotLocalError: the host is not on loopback, and ``allow_remote`` (the operator's word) is not given.
    """
    if not allow_remote:
        require_local(base_url)
    path = identity_folder(data) / "issuer.json"
    address = issuer_url(base_url)
    known: list[str] = json.loads(path.read_text())["addresses"] if path.exists() else []
    addresses = [address, *(one for one in known if one != address)][:ADDRESSES_KEPT]
    if addresses != known:
        replace(path, json.dumps({"issuer": LOCAL_ISSUER, "addresses": addresses}))
    return Issuer(
        url=LOCAL_ISSUER,
        audiences=(AUDIENCE,),
        jwks_url=KeyStore(data).jwks_path.as_uri(),
        algorithms=(ALGORITHM,),
        also=tuple(addresses),
    )


def require_local(base_url: str) -> None:
    """Let pass the address of a host that only this machine reaches.

    Raises:
        NotLocalError: it is another.
    """
    if not is_loopback(urlsplit(base_url).hostname):
        raise NotLocalError(
            f"the local issuer refuses to sign anybody in at {base_url}: it is for hosts on loopback; "
            "use an OpenID Connect issuer of your own there, or allow it explicitly"
        )


def is_loopback(host: str | None) -> bool:
    """Whether a URL's host is this machine and no other."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback and "%" not in str(host)  # ::1%zone is no address
    except ValueError:
        return False


def sign_in_code(data: Path) -> str:
    """The secret that the sign-in page asks for: who can read the data folder may sign in as its users."""
    path = identity_folder(data) / "sign-in-code"
    if path.exists():
        return path.read_text().strip()
    text = b32encode(secrets.token_bytes(10)).decode().lower()  # 80 bits: nobody guesses it
    return create(path, "-".join(text[i : i + 4] for i in range(0, 16, 4)) + "\n").strip()
