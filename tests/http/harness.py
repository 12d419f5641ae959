"""The platform behind its real HTTP functions, in this process: what the tests of the wire talk to."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

import azure.durable_functions as df
import httpx
from azurefunctions.extensions.http.fastapi import Request
from pydantic import RootModel
from starlette.types import ASGIApp, Receive, Scope, Send

from functions.openapi import document as openapi
from functions.register import register
from functions.routes.console import PREFIX as CONSOLE
from functions.routes.table import ROUTES
from localhost.http.router import Route, Router
from localhost.identity.issuer import local_issuer
from localhost.identity.keystore import KeyStore
from localhost.identity.minting import mint
from localhost.sqlite.documents import SqliteDocuments
from localhost.sqlite.events import SqliteEvents
from quantum.contract.problems import Problem
from shared.adapters.jwt.issuers import Issuer
from shared.adapters.jwt.keys import JwksSource
from shared.adapters.jwt.verifier import JwtTokens
from shared.adapters.system import RandomIds, SystemClock
from shared.bootstrap import Application, compose
from shared.domain.errors import UnavailableError
from shared.domain.places import Place
from shared.domain.rates import NO_LIMITS
from shared.ports.adapters import Adapters
from shared.ports.clock import Clock
from shared.ports.documents import REGISTRY, Container, Document, Documents
from shared.ports.secrets import Secrets
from shared.ports.tokens import Tokens
from shared.security.permissions import ROLES
from shared.security.scope import TenantScope
from shared.settings import Settings
from tests.fakes.clock import FrozenClock
from tests.fakes.contexts import KeptContexts
from tests.fakes.documents import InterruptedDocuments
from tests.fakes.orchestrations import RecordedOrchestrations
from tests.fakes.secrets import KeptSecrets

URL = "http://127.0.0.1:7071"
STARTER = '{"rpcBaseUrl": "http://127.0.0.1:1"}'
MAX_BODY = 64 * 1024
HARDENING = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "frame-ancestors 'none'",
}
"""What is in the head of every response."""
PUBLIC = {f"/api/v1/{path}" for path in ("openapi.json", "schemas/intent.json")}
"""What is the same for everybody, and may be kept."""
CLOCK = SystemClock()
KEPT_CONTEXTS = KeptContexts()


@dataclass(frozen=True)
class World:
    """Tenant ``acme`` with a member for each role, and ``globex`` with ``eve`` its administrator.

    ``root`` administers the platform.
    """

    platform: Application
    adapters: Adapters
    orchestrations: RecordedOrchestrations
    app: ASGIApp
    http: httpx.AsyncClient
    identity: "Identity"

    def token(self, user: str, **claims: Any) -> str:
        """Good for two hours: some tests go on to the next hour, with what others signed in with."""
        name = self.identity.issuer.url
        given: dict[str, Any] = {"issuer": name, "subject": user, "now": time.time(), "lifetime": 7200}
        return mint(self.identity.keys, **(given | claims))

    def headers(self, user: str) -> dict[str, str]:
        known = self.identity.signed
        token = known[user] if user in known else known.setdefault(user, self.token(user))
        return {"Authorization": f"Bearer {token}"}

    async def send(self, user: str | None, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {**(self.headers(user) if user else {}), **options.pop("headers", {})}
        return await self.http.request(method, "/api/v1" + path, headers=headers, **options)

    async def intent(self, name: str = "deploy", **fields: Any) -> dict[str, Any]:
        body = {"name": name, "definition": {"steps": [{"id": "a", "action": "assert", "condition": "true"}]}}
        response = await self.send("author", "POST", "/intents", json=body | fields)
        assert response.status_code == 201, response.text
        return cast("dict[str, Any]", response.json())

    async def execution(self) -> str:
        await self.intent()
        response = await self.send("operator", "POST", "/intents/deploy/execute")
        assert response.status_code == 202, response.text
        return str(response.json()["execution_id"])

    async def asking(self, name: str = "asks", **question: Any) -> str:
        """An execution whose step ``ask`` waits for an approval."""
        await self.intent(name, definition={"steps": [{"id": "ask", "action": "approval", **question}]})
        response = await self.send("operator", "POST", f"/intents/{name}/execute")
        assert response.status_code == 202, response.text
        execution = str(response.json()["execution_id"])
        attempt = {"tenant_id": "acme", "execution_id": execution, "step": "ask", "attempt": 1}
        assert (await self.platform.steps.run(attempt | {"first": True}))["status"] == "pending"
        return execution

    async def called(self, name: str = "calls") -> tuple[str, str]:
        """An execution whose step ``ask`` waits to be called back, and the end of the address."""
        execution = await self.asking(name)
        place = Place(execution, "ask", 1)
        opened = await self.platform.callbacks.open(TenantScope("acme"), place, seconds=3600)
        return execution, opened.address.rpartition("/")[2]

    async def ended(self, name: str = "ends", **outputs: Any) -> str:
        """An execution that has come to ``outputs``, as has its step ``ask``."""
        steps = [{"id": "ask", "action": "transform", "outputs": outputs}]
        told = {field: f"${{{{ steps.ask.outputs.{field} }}}}" for field in outputs}
        await self.intent(name, definition={"steps": steps, "outputs": told})
        response = await self.send("operator", "POST", f"/intents/{name}/execute")
        execution = str(response.json()["execution_id"])
        ids = {"tenant_id": "acme", "execution_id": execution}
        await self.platform.steps.run(ids | {"step": "ask", "attempt": 1, "first": True})
        ends: Any = {"status": "completed", "failed": [], "blocked": [], "cancelled": []}
        await self.platform.endings.finish(ids | ends)
        return execution

    async def failed(self, name: str = "deploy") -> str:
        """An execution whose one step has failed."""
        await self.intent(name)
        response = await self.send("operator", "POST", f"/intents/{name}/execute")
        execution = str(response.json()["execution_id"])
        end = {"status": "failed", "failed": ["a"], "blocked": [], "cancelled": []}
        await self.platform.endings.finish({"tenant_id": "acme", "execution_id": execution, **end})
        return execution

    async def names(self) -> list[str]:
        """What is stored in acme's registry."""
        response = await self.send("viewer", "GET", "/intents")
        return [item["name"] for item in response.json()["items"]]


type Opening = Callable[[], AbstractAsyncContextManager[World]]


@dataclass(frozen=True)
class Stage:
    """A world whose store can be interrupted, and whose time stands still until it is moved."""

    world: World
    documents: InterruptedDocuments
    clock: FrozenClock


@dataclass(frozen=True)
class Identity:
    """The local issuer, and the keys it signs with."""

    issuer: Issuer
    keys: KeyStore
    signed: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Path) -> "Identity":
        return cls(local_issuer(data, URL), KeyStore(data))


class Failing(SqliteDocuments):
    """A store whose reads of the registry fail with ``error``."""

    error: Exception = UnavailableError(retry_after=3)

    async def read(
        self, scope: TenantScope, *, container: Container, partition: str, id: str
    ) -> Document | None:
        if container is REGISTRY:
            raise self.error
        return await super().read(scope, container=container, partition=partition, id=id)


async def build(
    data: Path,
    identity: Identity,
    *,
    documents: Documents,
    events: SqliteEvents,
    heartbeat: float = 15,
    clock: Clock = CLOCK,
    tokens: Tokens | None = None,
    secrets: Secrets | None = None,
    contexts: KeptContexts | None = KEPT_CONTEXTS,
    orchestrations: RecordedOrchestrations | None = None,
    **settings: Any,
) -> World:
    orchestrations = orchestrations or RecordedOrchestrations()
    adapters = Adapters(
        documents=documents,
        events=events,
        orchestrations=orchestrations,
        tokens=tokens or JwtTokens([identity.issuer], keys=JwksSource(), clock=clock),
        clock=clock,
        ids=RandomIds(clock),
        cursor_key=b"k" * 32,
        secrets=secrets or KeptSecrets(now=clock.now),
    )
    given: dict[str, Any] = {"host_url": URL, "max_body_bytes": MAX_BODY, "heartbeat_seconds": heartbeat}
    given |= {"rate_limits": NO_LIMITS, "failed_sign_ins": None, "anonymous_requests": None}
    platform = compose(
        adapters,
        Settings(adapters="localhost", data=data, **(given | settings)),
        contexts=contexts,
    )
    app = app_of(platform)
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=URL, event_hooks={"response": [conforms]}
    )
    return World(platform, adapters, orchestrations, app, client, identity)


async def people(platform: Application, issuer: str) -> None:
    await platform.tenants.ensure("platform")
    await platform.members.ensure_member(
        "platform", user="root", roles=["platform-admin"], issuer=issuer, subject="root"
    )
    for tenant, users in {"acme": [*ROLES, "both"], "globex": ["eve", "both"]}.items():
        await platform.tenants.ensure(tenant)
        for user in users:
            role = user if user in ROLES else "admin"
            await platform.members.ensure_member(tenant, user=user, roles=[role], issuer=issuer, subject=user)


_platform: ContextVar[Application] = ContextVar("platform")
"""That which the functions belong to in this call."""


class _Current:
    """The platform that is called: its functions are registered once, which takes longer than most tests."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_platform.get(), name)


@cache
def functions() -> list[Any]:
    """All functions of the app; a caller says with :func:`serving` which platform they belong to."""
    app = df.DFApp()
    register(app, cast("Application", _Current()))
    return list(app.get_functions())


@contextmanager
def serving(platform: Application) -> Iterator[None]:
    """Within, the functions belong to that platform."""
    token = _platform.set(platform)
    try:
        yield
    finally:
        _platform.reset(token)


def app_of(platform: Application) -> ASGIApp:
    """The HTTP functions of the app, which belong to that platform."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with serving(platform):
            await _router()(scope, receive, send)

    return app


@cache
def _router() -> Router:
    """The HTTP functions of the app by their routes: all platforms' are in the same places."""
    routes = []
    for function in functions():
        bindings = {binding["type"]: binding for binding in function.get_bindings_dict()["bindings"]}
        if trigger := bindings.get("httpTrigger"):
            methods = frozenset(str(method) for method in trigger["methods"])
            extra = {"starter": STARTER} if "durableClient" in bindings else {}
            routes.append(Route(trigger["route"], methods, _endpoint(function.get_user_function(), extra)))
    return Router(routes, _nothing)


def _endpoint(handler: Callable[..., Any], extra: Mapping[str, str]) -> ASGIApp:
    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        await (await handler(request=Request(scope, receive), **extra))(scope, receive, send)

    return endpoint


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError(f"no function takes {scope['path']}")


@cache
def _contract() -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(openapi.document_bytes()))


async def conforms(response: httpx.Response) -> None:
    """Hold every response of every test against the contract."""
    assert response.headers["x-request-id"]
    for name, value in HARDENING.items():
        assert value in response.headers.get_list(name)[-1], f"{name} of {response.request.url}"
        assert len(response.headers.get_list(name)) == 1, f"{name} of {response.request.url}"
    if "authorization" in response.request.headers and response.request.url.path not in PUBLIC:
        assert response.headers["cache-control"] == "no-store", response.request.url
    if not response.request.url.path.startswith(CONSOLE):  # of those files, the contract says nothing
        await _agrees(response)


async def _agrees(response: httpx.Response) -> None:
    """Hold a response against the contract of its route."""
    request = response.request
    found = [route for route in ROUTES if route.pattern.fullmatch(request.url.path)]
    route = next((route for route in found if route.method == request.method), None)
    media = response.headers.get("content-type", "").partition(";")[0]
    if request.method == "OPTIONS" and response.status_code == 204:
        assert found, "a preflight of a path that there is"
        return
    if route is None:
        assert response.status_code in {405 if found else 404, 429}
        assert media == "application/problem+json"
        return
    operation = _contract()["paths"]["/api/" + route.path][request.method.lower()]
    assert str(response.status_code) in operation["responses"]
    await response.aread()
    if media == "application/problem+json":
        problem = Problem.model_validate(response.json())
        assert problem.status == response.status_code
        if "idempotency-replayed" not in response.headers:  # that problem is the first request's
            assert problem.request_id == response.headers["x-request-id"]
    elif route.response is not None and media == "application/json":
        content = json.loads(response.content)
        if not issubclass(route.response, RootModel):  # which has whatever fields there are
            fields = route.response.model_fields.items()
            assert set(content) <= {info.alias or name for name, info in fields}
        route.response.model_validate(content)
    for name in route.headers if response.is_success else ():
        assert name in response.headers
