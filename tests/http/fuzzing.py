"""Requests made of the contract by schemathesis, and what of their answers the contract does not say."""

import itertools
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import schemathesis
from schemathesis import Case, HookContext
from schemathesis.config import OperationConfig, SchemathesisConfig
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.transport import Response
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.generation.meta import CaseMetadata, CoveragePhaseData, CoverageScenario, TestPhase
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.python.asgi import ASGIClient, get_client, shutdown_lifespans
from starlette.types import Receive, Scope, Send

from functions.gateway.bodies import MAX_DEPTH, MAX_INTEGER
from functions.gateway.idempotency import KEY
from functions.routes.table import ROUTES
from localhost.identity.issuer import LOCAL_ISSUER
from shared.domain.quotas import DEFAULTS
from shared.domain.rates import MOST
from shared.security.permissions import ROLES
from tests.http.harness import Opening, World
from tests.http.modules import MODULE

JSON, YAML = "application/json", "application/yaml"
CONFIG = Path(__file__).with_name("schemathesis.toml")
DEFINITIONS: Sequence[dict[str, Any]] = (
    {"steps": [{"action": "wait", "seconds": 1}]},
    {"parameters": {"type": "object"}, "steps": [{"action": "assert", "condition": "true"}]},
    {"steps": [{"action": "run-intent", "intent": "other"}]},
)
"""What can be executed: hardly anything that is made of the contract alone can."""
FIT: Mapping[str, Any] = {
    **MODULE,
    "labels": {"team": "web"},
    "url": "https://hooks.example.com/",
    "events": ["*"],
    "secret": None,
    "value": "a value made by chance",
    "policy": 'forbid (principal, action == Action::"modules.manage", resource == Module::"no");',
    "cron": "@daily",
    "timezone": "UTC",
    "catch_up": 1,
}
"""Values that keep the rules beyond the schema: those that are made up break them nearly always."""
_KEYS = itertools.count(1)


class Served:
    """The platform as an ASGI app which lives in the event loop of schemathesis."""

    world: World
    asking: Sequence[str]
    """Executions that wait for an approval: one to approve, one to reject."""
    ended: str
    """An execution that has outputs, as has its step ``ask``."""
    failed: str
    """An execution that has failed."""
    token: str
    """The end of an address that waits to be called."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self.users: Sequence[str] = ["admin"]
        """Who asks each route in turn, where the first of them would."""
        self.asked: Counter[tuple[str, str]] = Counter()
        """How often a user asked a route, by its name."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            headers = list(_with_fresh_key(self._in_turn(scope)))
            await self.world.app({**scope, "headers": headers}, receive, send)
            return
        async with self._opening() as self.world:
            self.asking = [await self.world.asking(f"asks-{number}") for number in range(2)]
            self.ended = await self.world.ended(said="hello")
            self.failed = await self.world.failed("failed")
            _, self.token = await self.world.called()
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    def _in_turn(self, scope: Scope) -> Iterator[tuple[bytes, bytes]]:
        """The headers, of the user whose turn it is; those without a good token stay as they are."""
        routes = (route for route in ROUTES if route.method == scope["method"])
        route = next((route.name for route in routes if route.pattern.fullmatch(scope["path"])), "")
        mine = self._token(self.users[0])
        for name, value in scope["headers"]:
            if name == b"authorization" and value == mine:
                user = self.users[sum(self.asked[one, route] for one in self.users) % len(self.users)]
                self.asked[user, route] += 1
                yield name, self._token(user)
            else:
                yield name, value

    def _token(self, user: str) -> bytes:
        return self.world.headers(user)["Authorization"].encode()


def _with_fresh_key(headers: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """Give each request a key of its own: one that was used answers 422 before anything is looked at."""
    for name, value in headers:
        fresh = name == b"idempotency-key" and KEY.fullmatch(value.decode("latin-1"))
        yield name, (b"key-%d" % next(_KEYS) if fresh else value)


def client_of(app: Served) -> ASGIClient:
    return get_client(cast("Any", app))  # the types of Starlette and schemathesis differ in nothing but words


@contextmanager
def serving(opening: Opening) -> Iterator[Served]:
    app = Served(opening)
    try:
        with client_of(app):
            yield app
    finally:
        shutdown_lifespans()


@dataclass
class Findings:
    """What a run came to: how often an operation answered with each status, and what should not have been."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter[tuple[str, int]])
    faults: dict[tuple[str | None, ...], str] = field(default_factory=dict[tuple[str | None, ...], str])
    """One example of each kind."""

    def served(self) -> set[str]:
        """The operations that were asked something they could do."""
        return {operation for operation, status in self.statuses if status < 300}

    def add(self, recorder: ScenarioRecorder) -> None:
        for case_id, interaction in recorder.interactions.items():
            if interaction.response is not None:
                operation = recorder.cases[case_id].value.operation.label
                self.statuses[operation, interaction.response.status_code] += 1
        for case_id, checks in recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    failure = check.failure_info.failure
                    text = f"{check.name}: {failure}\n{check.failure_info.code_sample}\n"
                    answer = recorder.interactions[case_id].response
                    text += answer.content.decode(errors="replace")[:1000] if answer else ""
                    self.faults.setdefault((check.name, failure.operation, failure.title), text)


class Once:
    """Which of the requests for the boundaries of what the contract says are sent.

    None twice: what is pinned makes many of them the same. Of bodies in another type than JSON one of each
    kind for each operation: the value that is read of them goes where that of JSON goes. Of the wrong
    values of a header or of a part of the query one of each kind for each operation, beside the same others.
    And one unknown header for each operation.
    """

    def __init__(self) -> None:
        self._sent: set[tuple[Any, ...]] = set()

    def lets(self, case: Case[Any]) -> bool:
        """Whether it is to be sent."""
        if case.meta is None or case.meta.phase.name is not TestPhase.COVERAGE:
            return True
        return all([self._is_new(_request(case)), self._stands_for_itself(case, case.meta)])

    def _stands_for_itself(self, case: Case[Any], meta: CaseMetadata) -> bool:
        data, operation = meta.phase.data, case.operation
        assert isinstance(data, CoveragePhaseData)
        match data.parameter_location:
            case ParameterLocation.BODY if case.media_type not in {None, JSON}:
                return self._is_new((operation.label, case.media_type, data.scenario))
            case ParameterLocation.HEADER if data.scenario is CoverageScenario.OBJECT_UNEXPECTED_PROPERTIES:
                return self._is_new((operation.label, data.scenario))
            case ParameterLocation.HEADER | ParameterLocation.QUERY if meta.generation.mode.is_negative:
                others = frozenset([*case.query, *case.headers])
                return self._is_new((operation.label, data.parameter, data.scenario, others))
        return True

    def _is_new(self, one: tuple[Any, ...]) -> bool:
        known = one in self._sent
        self._sent.add(one)
        return not known


def _request(case: Case[Any]) -> tuple[Any, ...]:
    """What is sent for it."""
    parts = (case.path_parameters, case.query, dict(case.headers), case.body)
    return (case.operation.label, case.method, case.media_type, *map(repr, parts))


def fuzz(app: Served, config: SchemathesisConfig, *, users: Sequence[str] = ("admin",)) -> Findings:
    """What ``users`` are answered in turn to all that the contract leads schemathesis to ask."""
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, config=config)
    schema.config.headers = app.world.headers(users[0])
    app.users = users
    once = Once()

    @schema.hook
    def filter_case(context: HookContext, case: Case[Any]) -> bool:
        del context
        return once.lets(case)

    findings = Findings()
    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished():
                findings.add(event.recorder)
            case events.NonFatalError():
                findings.faults["error", event.label] = f"{event.label}: {event.info.message}"
            case events.FatalError():
                raise event.exception
    return findings


def aim(app: Served, config: SchemathesisConfig) -> None:
    """Make one resource of each kind, and ask of these: most names that are made stand for nothing."""
    with client_of(app) as client:

        def send(user: str, method: str, path: str, body: Any) -> Any:
            headers = app.world.headers(user)
            response = client.request(method, "/api/v1" + path, headers=headers, json=body)
            assert response.ok, response.text
            return response.json()

        send("author", "POST", "/intents", {"name": "deploy", "definition": DEFINITIONS[0]})
        hook = {"url": "https://hooks.example.com/", "events": ["*"]}
        send("admin", "PUT", "/subscriptions/hook", hook)
        send("admin", "PUT", "/schedules/nightly", {"intent": "deploy", "cron": "@daily"})
        send("admin", "PUT", "/secrets/TOKEN", {"value": FIT["value"]})
        send("admin", "PUT", "/modules/scanner", MODULE)
        bo = {"roles": ["viewer"], "issuer": LOCAL_ISSUER, "subject": "bo"}
        send("admin", "PUT", "/members/bo", bo)
        execution, held = (
            send("operator", "POST", "/intents/deploy/execute", {})["execution_id"] for _ in range(2)
        )
    approved, rejected = app.asking
    targets = {
        r"/intents/\{id\}": {"path.id": "deploy"},
        r"/intents/\{name\}": {"path.name": "deploy"},
        r"/executions/\{id\}(?!/(steps|outputs|pause|resume|retry))": {"path.id": execution},
        r"/executions/\{id\}/outputs$": {"path.id": app.ended},
        r"/steps/\{step\}/outputs$": {"path.id": app.ended, "path.step": "ask"},
        r"/executions/\{id\}/(pause|resume)$": {"path.id": held},
        r"/retry$": {"path.id": app.failed},
        r"/callbacks/\{token\}$": {"path.token": app.token},
        r"/approve$": {"path.id": approved, "path.step": "ask"},
        r"/reject$": {"path.id": rejected, "path.step": "ask"},
        r"/subscriptions/\{name\}": {"path.name": "hook"},
        r"/members/\{user\}": {"path.user": "bo", "header.If-Match": "*"},
        r"/schedules/\{name\}": {"path.name": "nightly"},
        r"/secrets/\{name\}": {"path.name": "TOKEN"},
        r"/modules/\{name\}": {"path.name": "scanner"},
    }
    for path, parameters in targets.items():
        pinned = {"include-path-regex": path, "parameters": parameters}
        config.projects.default.operations.operations.append(OperationConfig.from_dict(pinned))


@schemathesis.hook
def map_case(context: HookContext, case: Case[Any]) -> Case[Any]:
    """Let what is right by its form go far: a new name, steps that run, a state that is met at times."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return case
    if case.path_parameters.get("user") in ROLES:  # who asks stays what it is
        case.path_parameters["user"] = "bo"
    if isinstance(case.body, dict):
        body: dict[str, Any] = case.body
        number = zlib.crc32(repr(body).encode("utf-8", "replace"))
        if "definition" in body:
            body["definition"] = body["definition"] | DEFINITIONS[number % len(DEFINITIONS)]
        if context.operation is not None and context.operation.label == "POST /api/v1/intents":
            body["name"] = f"intent-{number}"
        if number % 4:
            body |= {name: FIT[name] for name in body.keys() & FIT.keys()}
    if "If-Match" in case.headers and len(case.headers["If-Match"]) % 2 == 0:
        case.headers["If-Match"] = "*"
    return case


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], **_: Any) -> None:
    """Let no limit or quota that a request sets be in the way of all that come after it."""
    settings = case.body.get("settings") if isinstance(case.body, dict) else None
    limits = settings.get("rate_limits") if isinstance(settings, dict) else None
    if isinstance(limits, dict):
        limits |= {name: MOST for name, limit in limits.items() if type(limit) is int and 1 <= limit <= MOST}
    quotas = settings.get("quotas") if isinstance(settings, dict) else None
    if isinstance(quotas, dict):
        by_itself = DEFAULTS.to_json()
        quotas |= {
            name: by_itself[name] for name in quotas.keys() & by_itself.keys() if type(quotas[name]) is int
        }


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Let be refused what JSON Schema has no words for: a made-up cursor, what RFC 7493 (I-JSON) forbids."""
    if isinstance(failure, AcceptedNegativeData):  # a path that was bad until it was put right by `aim`
        return case.meta is None or case.meta.phase.data.parameter_location is not ParameterLocation.PATH
    if not isinstance(failure, RejectedPositiveData):
        return True
    if case.media_type == YAML:  # its writer is of YAML 1.1, where the text -9e999 needs no quotes
        return False
    return "cursor" not in case.query and "Last-Event-ID" not in case.headers and _kept(case.body)


def _kept(value: Any, depth: int = 0) -> bool:
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return depth < MAX_DEPTH and all(_kept(item, depth + 1) for item in items)
    return not isinstance(value, int) or abs(value) <= MAX_INTEGER
