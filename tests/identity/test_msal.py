"""Microsoft's own sign-in library against the local issuer, over TLS on loopback, as its users run it."""

import asyncio
import datetime as dt
import html
import ipaddress
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msal  # type: ignore[import-untyped]
import pytest
import requests
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette

from localhost.identity.issuer import LOCAL_ISSUER, local_issuer, sign_in_code
from localhost.identity.routes import identity_routes
from localhost.identity.store import IdentityStore
from shared.adapters.jwt.keys import JwksSource
from shared.adapters.jwt.verifier import JwtTokens
from shared.adapters.msal.credentials import ClientIdentity, MsalCredentials
from shared.adapters.system import SystemClock
from shared.ports.tokens import Identity

SCOPES = ["api://quantum/.default"]


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "tls.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@contextmanager
def _serving(app: Starlette, listener: socket.socket, certificate: Path) -> Iterator[None]:
    server = uvicorn.Server(
        uvicorn.Config(app, ssl_certfile=str(certificate), log_level="error", lifespan="off")
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=60)
        listener.close()


@dataclass
class Site:
    data: Path
    base_url: str
    session: requests.Session

    @property
    def msal(self) -> dict[str, Any]:
        return {"oidc_authority": f"{self.base_url}/identity", "http_client": self.session}

    def verify(self, answer: dict[str, Any]) -> Identity:
        assert "access_token" in answer, answer
        tokens = JwtTokens([local_issuer(self.data, self.base_url)], keys=JwksSource(), clock=SystemClock())
        return asyncio.run(tokens.verify(answer["access_token"]))


@pytest.fixture
def site(keys: Path, tmp_path: Path) -> Iterator[Site]:
    shutil.copytree(keys, tmp_path, dirs_exist_ok=True)
    certificate = _certificate(tmp_path)
    listener = socket.create_server(("127.0.0.1", 0))
    base_url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    IdentityStore(tmp_path).add_user("ada")
    app = Starlette(routes=identity_routes(tmp_path, base_url))
    # The session closes first: a server waits for its open connections.
    with _serving(app, listener, certificate), requests.Session() as session:
        session.trust_env = False
        session.verify = str(certificate)
        yield Site(tmp_path, base_url, session)


def _fields(page: str) -> dict[str, str]:
    found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page)
    return {name: html.unescape(value) for name, value in found}


def test_msal_signs_a_device_in_and_refreshes(site: Site) -> None:
    app = msal.PublicClientApplication("quantum-cli", **site.msal)
    flow = app.initiate_device_flow(scopes=SCOPES)
    form = {"user_code": flow["user_code"], "user": "ada", "code": sign_in_code(site.data)}
    assert site.session.post(flow["verification_uri"], data=form).status_code == 200
    identity = site.verify(app.acquire_token_by_device_flow(flow))
    assert (identity.issuer, identity.subject) == (LOCAL_ISSUER, "ada")

    (account,) = app.get_accounts()
    assert account["username"] == "ada"
    assert "access_token" in app.acquire_token_silent(SCOPES, account)
    assert site.verify(app.acquire_token_silent(SCOPES, account, force_refresh=True)).subject == "ada"


def test_msal_signs_a_person_in_by_authorization_code(site: Site) -> None:
    app = msal.PublicClientApplication("quantum-cli", **site.msal)
    flow = app.initiate_auth_code_flow(SCOPES, "http://localhost:53682", response_mode="form_post")
    form = _fields(site.session.get(flow["auth_uri"]).text) | {"user": "ada", "code": sign_in_code(site.data)}
    sent = site.session.post(f"{site.base_url}/identity/authorize", data=form)
    answer = app.acquire_token_by_auth_code_flow(flow, _fields(sent.text))
    assert site.verify(answer).subject == "ada"


def test_msal_signs_a_service_in(site: Site) -> None:
    secret = IdentityStore(site.data).put_client("ci")
    app = msal.ConfidentialClientApplication("ci", client_credential=secret, **site.msal)
    assert site.verify(app.acquire_token_for_client(SCOPES)).subject == "client:ci"


async def test_the_platform_signs_in_as_a_service_of_its_own(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = IdentityStore(site.data).put_client("platform")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(site.session.verify))
    identity = ClientIdentity("platform", f"{site.base_url}/identity", is_entra=False, secret=secret)
    token = await MsalCredentials(identity, clock=SystemClock()).token(scope=SCOPES[0])
    tokens = JwtTokens([local_issuer(site.data, site.base_url)], keys=JwksSource(), clock=SystemClock())
    found = await tokens.verify(token)
    assert (found.subject, found.kind, found.client) == ("client:platform", "service", "platform")
