"""Token endpoints in this process, as MSAL sees them: Entra ID, another issuer, a managed identity."""

import asyncio
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests

from shared.adapters.msal.credentials import ClientIdentity, ManagedIdentity, MsalCredentials
from tests.security.forge import FrozenClock

TENANT = "11111111-aaaa-4000-8000-000000000001"
ENTRA = f"https://login.microsoftonline.com/{TENANT}"
OTHER = "https://issuer.example/oidc"
MANAGED = "http://169.254.129.1:8081/msi/token"
"""Where the managed identity of an Azure app is asked for tokens (its environment says so)."""


@dataclass
class Answer:
    """A response, as far as MSAL reads it."""

    status_code: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def raise_for_status(self) -> None:
        raise AssertionError("MSAL asks its own copy of the response")


@dataclass
class Asked:
    url: str
    values: Mapping[str, Any]
    headers: Mapping[str, str]


@dataclass
class Endpoints:
    """What MSAL sends with. ``faults`` are answered, or raised, before any token is given again."""

    clock: FrozenClock = field(default_factory=FrozenClock)
    asked: list[Asked] = field(default_factory=list[Asked])
    faults: list[Answer | Exception] = field(default_factory=list[Answer | Exception])
    given: dict[str, Any] = field(default_factory=dict[str, Any])
    """Further members of every token response."""
    lifetime: int = 3600
    threads: set[int] = field(default_factory=set[int])

    def credentials(self, identity: ManagedIdentity | ClientIdentity) -> MsalCredentials:
        return MsalCredentials(identity, clock=self.clock, http=lambda: self)

    def get(self, url: str, **parts: Any) -> Any:
        if url.startswith(MANAGED):
            return self._answer(url, parts.get("params", {}), parts["headers"], managed=True)
        authority = url.removesuffix("/.well-known/openid-configuration").removesuffix("/v2.0")
        assert authority in {ENTRA, OTHER}, url
        host = f"https://{urlsplit(url).hostname}"
        endpoints = {name: f"{host}/{TENANT}/{name}" for name in ("authorization_endpoint", "token_endpoint")}
        issuer = f"{ENTRA}/v2.0" if authority == ENTRA else OTHER
        return Answer(200, json.dumps({"issuer": issuer, **endpoints}))

    def post(self, url: str, **parts: Any) -> Any:
        return self._answer(url, parts["data"], parts.get("headers", {}), managed=False)

    def close(self) -> None:
        """There is nothing to close."""

    def _answer(self, url: str, values: Any, headers: Any, *, managed: bool) -> Any:
        self.threads.add(threading.get_ident())
        self.asked.append(Asked(url, dict(values), dict(headers or {})))
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, Exception):
                raise fault
            return fault
        given: dict[str, Any] = {"access_token": f"token-{len(self.asked)}", "token_type": "Bearer"}
        if managed:  # it says when a token ends by the system's clock, which is MSAL's
            given |= {"expires_on": str(int(time.time()) + self.lifetime)}
        else:
            given |= {"expires_in": self.lifetime}
        return Answer(200, json.dumps(given | self.given))


def refused(error: str, status: int = 400) -> Answer:
    return Answer(
        status, json.dumps({"error": error, "error_description": f"AADSTS7000: trace 42 of {TENANT}"})
    )


def unreachable() -> Exception:
    return requests.ConnectionError("no route to the issuer")


async def all_of(credentials: MsalCredentials, scope: str, count: int) -> set[str]:
    return set(await asyncio.gather(*(credentials.token(scope=scope) for _ in range(count))))
