"""A local issuer over a fresh data folder, driven over HTTP in this process."""

import hashlib
import secrets
import shutil
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from starlette.applications import Starlette

from localhost.identity.issuer import local_issuer, sign_in_code
from localhost.identity.keystore import KeyStore
from localhost.identity.routes import identity_routes
from localhost.identity.store import IdentityStore
from shared.adapters.jwt.keys import JwksSource
from shared.adapters.jwt.verifier import JwtTokens
from tests.security.forge import FrozenClock

BASE = "http://127.0.0.1:7071"
REDIRECT = "http://localhost:53682/done"
SCOPE = "openid profile offline_access api://quantum/.default"


@dataclass
class Issuer:
    """The issuer, and what a program and a person do with it."""

    data: Path
    http: httpx.AsyncClient
    clock: FrozenClock
    tokens: JwtTokens
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def code(self) -> str:
        return sign_in_code(self.data)

    def authorization(self, **changes: str) -> dict[str, str]:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return {
            "client_id": "quantum-cli",
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "scope": SCOPE,
            "state": "a state & more",
            "nonce": "n-1",
        } | changes

    async def sign_in(self, user: str = "ada", **changes: str) -> httpx.Response:
        form = self.authorization(**changes) | {"user": user, "code": self.code}
        return await self.http.post("/identity/authorize", data=form)

    async def authorization_code(self) -> str:
        answer = dict(parse_qsl(urlsplit((await self.sign_in()).headers["location"]).query))
        return answer["code"]

    async def redeem(self, code: str, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "client_id": "quantum-cli",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": self.verifier,
        }
        return await self.http.post("/identity/token", data=form | changes)

    async def refresh(self, token: str, **changes: str) -> httpx.Response:
        form = {"grant_type": "refresh_token", "client_id": "quantum-cli", "refresh_token": token}
        return await self.http.post("/identity/token", data=form | changes)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with keys: making them takes longer than most tests."""
    folder = tmp_path_factory.mktemp("keys")
    KeyStore(folder)
    return folder


@pytest.fixture
async def issuer(tmp_path: Path, keys: Path) -> AsyncIterator[Issuer]:
    clock = FrozenClock()
    shutil.copytree(keys, tmp_path, dirs_exist_ok=True)
    app = Starlette(routes=identity_routes(tmp_path, BASE, now=clock.unix))
    IdentityStore(tmp_path).add_user("ada")
    tokens = JwtTokens([local_issuer(tmp_path, BASE)], keys=JwksSource(), clock=clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as http:
        yield Issuer(tmp_path, http, clock, tokens)
