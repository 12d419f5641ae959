"""A server that speaks the part of Key Vault's REST protocol that is about secrets, in memory, over TLS.

It is faithful in what the adapter relies on and refuses, by name, what it does not know. It runs on a thread
with an event loop of its own, so that tests talk to it as to any server.

Sources: "Azure Key Vault REST API reference" (secrets, service version 7.6: paths, bodies, errors),
"Authentication, requests and responses" (challenges), "Azure Key Vault soft-delete overview", "Azure Key
Vault service limits", and answers of the service quoted in issues of its SDKs (``innererror`` of 409s).
"""

import asyncio
import json
import re
import secrets
import threading
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs

from tests.cosmos.protocol import Answer, Connection, Request
from tests.tls import self_signed, server_context

DOMAIN = "vault.localhost"
"""Of all vaults, and what their challenges say: clients hold it against the address they have asked."""
HOST = f"quantum.{DOMAIN}"
VERSIONS = {"7.5", "7.6"}
PAGE = 25
"""Most items of a page, and how many there are if the client says nothing."""
MAX_VALUE = 25 * 1024
NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")

type State = Literal["active", "being deleted", "deleted", "being recovered"]


class RefusedError(Exception):
    def __init__(self, status: int, code: str, *, inner: str = "", headers: Mapping[str, str] | None = None):
        super().__init__(code)
        self.status, self.code, self.inner = status, code, inner
        self.headers = headers or {}

    def answer(self) -> Answer:
        error: dict[str, Any] = {"code": self.code, "message": f"{self.code} {self.inner}".strip()}
        if self.inner:
            error["innererror"] = {"code": self.inner}
        return Answer(self.status, {"error": error}, self.headers)


@dataclass
class Version:
    id: str
    value: str
    tags: Mapping[str, str]
    created: int
    enabled: bool = True


@dataclass
class Secret:
    name: str
    versions: list[Version] = field(default_factory=list)
    state: State = "active"
    looks: int = 0
    """How many more requests meet it in a state that passes by itself."""


@dataclass
class Fault:
    """What goes wrong instead of the answer: a refusal, or (None) the connection breaks."""

    refusal: RefusedError | None
    times: int = 1
    applied: bool = False
    """Whether the request is carried out all the same."""


class KeyVaultServer:
    """``slow`` is how many requests meet a secret while it is being deleted, and while being recovered."""

    def __init__(self, folder: Path, *, slow: int = 1, purge_protection: bool = True) -> None:
        self.certificate = self_signed(folder, HOST)
        self.token = "a token of the managed identity"
        self.slow = slow
        self.purge_protection = purge_protection
        self.faults: list[Fault] = []
        self.seen: list[Request] = []
        self.secrets: dict[str, Secret] = {}
        self.resource = f"https://{DOMAIN}"
        self._clock = 1_700_000_000
        self._connections: set[Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="keyvault-test", daemon=True)
        self._thread.start()
        self._server = self._run(self._listen())
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"https://{HOST}"

    def close(self) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def reset(self) -> None:
        """Forget all secrets, faults and requests."""
        self.secrets.clear()
        self.faults.clear()
        self.seen.clear()
        self.token, self.resource, self.slow = "a token of the managed identity", f"https://{DOMAIN}", 1

    def _run[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(
            lambda: Connection(self._handle, self._connections),
            "127.0.0.1",
            0,
            ssl=server_context(self.certificate),
        )

    async def _close(self) -> None:
        self._server.close()
        for connection in list(self._connections):
            connection.abort()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._server.wait_closed(), 5)

    async def _handle(self, request: Request) -> Answer | None:
        self.seen.append(request)
        self._clock += 1
        try:
            self._authenticate(request)
            fault = self.faults[0] if self.faults else None
            if fault is None:
                return self._route(request)
            fault.times -= 1
            if fault.times <= 0:
                self.faults.remove(fault)
            if fault.applied:
                self._route(request)
            return fault.refusal.answer() if fault.refusal else None
        except RefusedError as refusal:
            return refusal.answer()

    def _authenticate(self, request: Request) -> None:
        if request.headers.get("host") != HOST:
            raise RefusedError(400, "BadParameter", inner="Host")
        if request.headers.get("authorization") != f"Bearer {self.token}":
            challenge = (
                f'Bearer authorization="https://login.{DOMAIN}/the-tenant", resource="{self.resource}"'
            )
            raise RefusedError(401, "Unauthorized", headers={"www-authenticate": challenge})
        query = parse_qs(request.query, strict_parsing=True)
        if query.get("api-version", [""])[0] not in VERSIONS:
            raise RefusedError(400, "BadParameter", inner="api-version")
        if unknown := query.keys() - {"api-version", "maxresults", "$skiptoken"}:
            raise RefusedError(400, "BadParameter", inner=str(sorted(unknown)))

    def _route(self, request: Request) -> Answer:
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["secrets"]:
                return self._list(request)
            case "PUT", ["secrets", name]:
                return self._set(_named(name), request)
            case "GET", ["secrets", name, *version]:
                return self._get(_named(name), version[0] if version else "")
            case "DELETE", ["secrets", name]:
                return self._delete(_named(name))
            case "POST", ["deletedsecrets", name, "recover"]:
                return self._recover(_named(name))
            case "DELETE", ["deletedsecrets", name]:
                return self._purge(_named(name))
        raise RefusedError(501, "this server does not know", inner=f"{request.method} {request.path}")

    def _list(self, request: Request) -> Answer:
        query = parse_qs(request.query)
        most = int(query.get("maxresults", [str(PAGE)])[0])
        if not 1 <= most <= PAGE:
            raise RefusedError(400, "BadParameter", inner="maxresults")
        after = query.get("$skiptoken", [""])[0]
        names = sorted(name for name, one in self.secrets.items() if one.state == "active" and name > after)
        page = [self._item(self.secrets[name]) for name in names[:most]]
        following = (
            f"{self.url}/secrets?api-version=7.6&$skiptoken={names[most - 1]}" if names[most:] else None
        )
        return Answer(200, {"value": page, "nextLink": following})

    def _item(self, secret: Secret) -> dict[str, Any]:
        last = secret.versions[-1]
        return {"id": f"{self.url}/secrets/{secret.name}", "attributes": _attributes(last), "tags": last.tags}

    def _set(self, name: str, request: Request) -> Answer:
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise RefusedError(415, "UnsupportedMediaType")
        body = json.loads(request.body)
        if unknown := body.keys() - {"value", "tags", "contentType", "attributes"}:
            raise RefusedError(400, "BadParameter", inner=str(sorted(unknown)))
        if not isinstance(body.get("value"), str) or not 0 < len(body["value"].encode()) <= MAX_VALUE:
            raise RefusedError(400, "BadParameter", inner="value")
        tags = body.get("tags") or {}
        if len(tags) > 15 or any(len(text) > 256 for pair in tags.items() for text in pair):
            raise RefusedError(400, "BadParameter", inner="tags")
        secret = self._look(name) or self.secrets.setdefault(name.lower(), Secret(name))
        if secret.state != "active":
            raise _conflict(secret)
        secret.versions.append(Version(secrets.token_hex(16), body["value"], tags, self._clock))
        return self._bundle(secret, secret.versions[-1])

    def _get(self, name: str, version: str) -> Answer:
        secret = self._look(name)
        if secret is None or secret.state != "active":
            raise RefusedError(404, "SecretNotFound")
        found = [one for one in secret.versions if version in {"", one.id}]
        if not found:
            raise RefusedError(404, "SecretNotFound")
        if not found[-1].enabled:
            raise RefusedError(403, "Forbidden", inner="SecretDisabled")
        return self._bundle(secret, found[-1])

    def _bundle(self, secret: Secret, version: Version) -> Answer:
        place = f"{self.url}/secrets/{secret.name}/{version.id}"
        body = {"value": version.value, "id": place, "attributes": _attributes(version), "tags": version.tags}
        return Answer(200, body)

    def _delete(self, name: str) -> Answer:
        secret = self._look(name)
        if secret is None or secret.state in {"deleted", "being deleted"}:
            raise RefusedError(404, "SecretNotFound")
        if secret.state != "active":
            raise _conflict(secret)
        secret.state, secret.looks = "being deleted", self.slow
        recovery = {"recoveryId": f"{self.url}/deletedsecrets/{name}", "scheduledPurgeDate": self._clock + 90}
        return Answer(200, {**self._item(secret), **recovery, "deletedDate": self._clock})

    def _recover(self, name: str) -> Answer:
        secret = self._look(name)
        if secret is None or secret.state in {"active", "being deleted"}:
            raise RefusedError(404, "SecretNotFound")
        if secret.state != "deleted":
            raise _conflict(secret)
        secret.state, secret.looks = "being recovered", self.slow
        return Answer(200, self._item(secret))

    def _purge(self, name: str) -> Answer:
        if self.purge_protection:
            raise RefusedError(403, "Forbidden", inner="PurgeProtection")
        secret = self._look(name)
        if secret is None or secret.state != "deleted":
            raise RefusedError(404, "SecretNotFound")
        del self.secrets[name.lower()]
        return Answer(204)

    def _look(self, name: str) -> Secret | None:
        """The secret of that name, whatever the case, as it is by now."""
        secret = self.secrets.get(name.lower())
        if secret is not None and secret.state in {"being deleted", "being recovered"}:
            if secret.looks <= 0:
                secret.state = "deleted" if secret.state == "being deleted" else "active"
            secret.looks -= 1
        return secret


def _named(name: str) -> str:
    if not NAME.fullmatch(name):
        raise RefusedError(400, "BadParameter", inner="secret-name")
    return name


def _conflict(secret: Secret) -> RefusedError:
    inner = {
        "being deleted": "ObjectIsBeingDeleted",
        "deleted": "ObjectIsDeletedButRecoverable",
        "being recovered": "ObjectIsBeingRecovered",
    }[secret.state]
    return RefusedError(409, "Conflict", inner=inner)


def _attributes(version: Version) -> dict[str, Any]:
    level = "CustomizedRecoverable+Purgeable"
    times = {"created": version.created, "updated": version.created}
    return {"enabled": version.enabled, **times, "recoveryLevel": level, "recoverableDays": 7}
