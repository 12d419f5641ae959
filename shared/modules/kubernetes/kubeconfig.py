"""What a kubeconfig says of a cluster: where it is, whom to trust, and how to sign in.

The form is that of client-go (``k8s.io/client-go/tools/clientcmd/api/v1``). What would run a program here
(``exec``, ``auth-provider``) or read one of our files is refused, and so is TLS that trusts anybody.
"""

import base64
import binascii
import hashlib
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from shared.domain.urls import url_problem
from shared.ports.targets import TargetError

EXPORT: Final = "export it with `kubectl config view --raw --minify --flatten`"
_REFUSED: Final = {
    "exec": "signs in by running a program",
    "auth-provider": "signs in by a provider",
    "tokenFile": "reads the token from a file",
    "client-certificate": "reads a certificate from a file",
    "client-key": "reads a key from a file",
    "certificate-authority": "reads a certificate from a file",
    "proxy-url": "goes by a proxy",
    "as": "acts as somebody else",
}


@dataclass(frozen=True, slots=True)
class ClusterAccess:
    """One cluster, and one way to sign in to it.

    ``fingerprint`` tells accesses apart without telling anything of them.
    """

    server: str
    tls_name: str | None
    authority: bytes | None = field(repr=False)
    token: str | None = field(repr=False)
    user: tuple[str, str] | None = field(repr=False)
    certificate: tuple[bytes, bytes] | None = field(repr=False)
    fingerprint: str

    @property
    def host(self) -> str:
        return self.server.partition("://")[2].partition("/")[0]

    @property
    def origin(self) -> str:
        """``https://host:port``, as operators allow tokens to."""
        scheme, _, rest = self.server.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}"

    @property
    def is_anonymous(self) -> bool:
        """Whether it says nothing of who signs in."""
        return self.token is None and self.user is None and self.certificate is None

    def headers(self) -> dict[str, str]:
        """What signs a request in, beside a certificate."""
        if self.token is not None:
            return {"authorization": f"Bearer {self.token}"}
        if self.user is not None:
            text = base64.b64encode(":".join(self.user).encode()).decode()
            return {"authorization": f"Basic {text}"}
        return {}

    def certificates(self) -> ssl.SSLContext:
        """Whom TLS trusts, and the certificate that is shown.

        Raises:
            TargetError: these are no certificates.
        """
        try:
            authority = self.authority.decode("ascii") if self.authority else None
            context = ssl.create_default_context(cadata=authority)
            if self.certificate is not None:
                _load(context, *self.certificate)
        except (ssl.SSLError, UnicodeDecodeError, ValueError) as error:
            raise _bad(f"its certificates or keys cannot be read: {error}") from error
        return context


def parse_kubeconfig(text: str) -> ClusterAccess:
    """The cluster and user of the current context.

    Raises:
        TargetError: it cannot be used; the message says why, and what to do.
    """
    import yaml  # for cold start: most processes never read one

    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _bad("it is no YAML") from error
    if not isinstance(config, dict):
        raise _bad("it is no kubeconfig")
    context = _named(config, "contexts", config.get("current-context"), "context")
    cluster = _named(config, "clusters", context.get("cluster"), "cluster")
    user = _named(config, "users", context.get("user"), "user")
    for name, why in _REFUSED.items():
        if cluster.get(name) or user.get(name):
            raise _bad(f"{name!r} {why}, which is not done here; {EXPORT}, with a token or a certificate")
    if cluster.get("insecure-skip-tls-verify"):
        raise _bad("'insecure-skip-tls-verify' would trust anybody: give 'certificate-authority-data'")
    server = cluster.get("server")
    if not isinstance(server, str) or url_problem(server, instead="they are not sent"):
        raise _bad("its cluster has no 'server' that is a URL")
    certificate, key = (_data(user, f"client-{part}-data") for part in ("certificate", "key"))
    basic = user.get("username"), user.get("password")
    return ClusterAccess(
        server=server.rstrip("/"),
        tls_name=cluster.get("tls-server-name"),
        authority=_data(cluster, "certificate-authority-data"),
        token=user.get("token"),
        user=(str(basic[0]), str(basic[1])) if all(basic) else None,
        certificate=(certificate, key) if certificate and key else None,
        fingerprint=hashlib.sha256(text.encode()).hexdigest(),
    )


def _named(config: Mapping[str, Any], section: str, name: Any, what: str) -> Mapping[str, Any]:
    entries = config.get(section)
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get("name") == name and isinstance(entry.get(what), dict):
            found: Mapping[str, Any] = entry[what]
            return found
    raise _bad(f"it has no {what} {name!r}; {EXPORT}")


def _data(entry: Mapping[str, Any], name: str) -> bytes | None:
    value = entry.get(name)
    if value is None:
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise _bad(f"{name!r} is not base64") from error


def _load(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Python takes a certificate's key from a file only; this one is the process's alone, and soon gone."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "client.pem"
        path.touch(mode=0o600)
        path.write_bytes(certificate + b"\n" + key)
        context.load_cert_chain(path)


def _bad(why: str) -> TargetError:
    return TargetError("KUBECONFIG", f"the kubeconfig cannot be used: {why}")
