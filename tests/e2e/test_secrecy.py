"""Secrets that steps are given, on a real host: nothing that leaves or is stored has one, in any encoding.

Everything is searched: each HTTP answer and stream, what webhooks and the collector of telemetry are sent,
the host's log, and every byte of every store: documents, events, the task hub.
"""

import itertools
import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import hosting
from shared.adapters.cosmos.containers import DEFINITIONS
from shared.ports.resources import DATABASE
from shared.security.redaction import is_redactable
from tests import forked
from tests.cosmos.server import CosmosServer
from tests.e2e.api import Api
from tests.e2e.echo import Asked, Echo, Told, call_back, saying
from tests.e2e.receiver import Receiver
from tests.host.running import until
from tests.leaks import ENCODINGS, leaks
from tests.telemetry.collector import Collector

MANY = int(os.environ.get("QUANTUM_TEST_SECRECY", "0"))
"""So many new scenarios, where this is given, in place of a few that are always the same."""
QUICK = {"max_attempts": 2, "initial_interval": 0.01}
_numbers = itertools.count()


@dataclass
class Stage:
    """A host with everything around it that could be told a secret."""

    host: hosting.Host
    log: Path
    api: Api
    echo: Echo
    hook: Receiver
    collector: Collector
    cosmos: CosmosServer | None
    values: list[str] = field(default_factory=list)
    executions: list[str] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)

    def keep(self, response: httpx.Response) -> None:
        response.read()
        self.answers.append(repr(response.headers.raw).encode() + b"\n" + response.content)


@pytest.fixture(scope="module", params=["sqlite", "cosmos"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp(f"secrecy-{request.param}")
    cosmos, more = None, dict[str, str]()
    if request.param == "cosmos":
        cosmos = CosmosServer()
        cosmos.make(DATABASE, DEFINITIONS)
        connection = f"AccountEndpoint={cosmos.endpoint};AccountKey={cosmos.key};"
        more = {"QUANTUM_DOCUMENTS": "cosmos", "CosmosDBConnection": connection}
    with Collector() as collector, Echo() as echo, Receiver() as hook:
        host = forked.start(
            folder / "data",
            log=folder / "host.log",
            QUANTUM_TELEMETRY="otlp",
            QUANTUM_LOG_FORMAT="json",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_BSP_SCHEDULE_DELAY="100",
            **more,
        )
        with Api(host) as api:
            made = Stage(host, folder / "host.log", api, echo, hook, collector, cosmos)
            api.client.event_hooks["response"].append(made.keep)
            assert api.client.put("/subscriptions/all", json={"url": hook.url, "events": ["*"]}).is_success
            yield made
        host.stop()
    if cosmos:
        cosmos.close()


type Telling = Callable[[Sequence[str], Asked, int], Told]
"""What the service tells of these texts; it is asked for the ``n``-th time, from 0."""
type Drawn = tuple[str, Sequence[str]]
"""A kind of step, and the encodings in which its service tells the value."""


def header_of(texts: Sequence[str]) -> dict[str, str]:
    fit = [text for text in texts if text.isascii() and text.isprintable() and text == text.strip()]
    return {"X-Seen": fit[0]} if fit else {}


def calling_back(texts: Sequence[str], asked: Asked, *, failed: bool) -> Told:
    address = asked.headers["x-quantum-callback"]
    error = {"code": texts[0][:50] or "X", "message": f"it failed with {texts[0]}"}
    answer = (
        {"status": "failed", "error": error} if failed else {"status": "completed", "outputs": saying(texts)}
    )
    call_back(address, answer)
    return Told(202, saying(texts))


def redirecting(texts: Sequence[str], asked: Asked, count: int) -> Told:
    return (
        Told(200, saying(texts)) if count else Told(307, saying(texts), {"Location": f"{asked.path}/again"})
    )


def accepting(texts: Sequence[str], asked: Asked, count: int) -> Told:
    if count:
        return Told(200, saying(texts))
    return Told(202, saying(texts), {"Location": asked.path, "Retry-After": "1"})


def accepting_with_it(texts: Sequence[str], asked: Asked, _: int) -> Told:
    return Told(202, saying(texts), {"Location": f"{asked.path}?k={quote(texts[0], safe='')}"})


KINDS: dict[str, tuple[Telling, dict[str, Any]]] = {
    "json": (lambda texts, *_: Told(200, saying(texts), header_of(texts)), {}),
    "text": (lambda texts, *_: Told(200, " and ".join(texts)), {}),
    "large": (lambda texts, *_: Told(200, saying(texts, large=True)), {}),
    "retried": (lambda texts, _, count: Told(200 if count else 503, saying(texts)), {"retry": QUICK}),
    "failed": (lambda texts, *_: Told(404, saying(texts)), {}),
    "redirected": (redirecting, {}),
    "redirected elsewhere": (
        lambda texts, asked, _: Told(308, saying(texts), {"Location": "http://127.0.0.1:1/"}),
        {},
    ),
    "polled": (accepting, {"poll": True}),
    "polled where it may not": (accepting_with_it, {"poll": True}),
    "called back": (lambda texts, asked, _: calling_back(texts, asked, failed=False), {"callback": {}}),
    "called back badly": (lambda texts, asked, _: calling_back(texts, asked, failed=True), {"callback": {}}),
    "in the address": (lambda texts, *_: Told(200, saying(texts)), {"url": "{at}/{secret}?k={secret}"}),
    "in a bad address": (lambda *_: Told(), {"url": "{secret}"}),
    "in a closed address": (lambda *_: Told(), {"url": "http://127.0.0.1:1/{secret}", "retry": QUICK}),
    "in a header": (
        lambda texts, *_: Told(200, saying(texts)),
        {"headers": {"Authorization": "Bearer {secret}"}},
    ),
}
"""What the service tells, and what is particular of the step."""
OUTCOMES = {
    "retried": "completed",
    "failed": "HTTP_STATUS",
    "redirected elsewhere": "SECRET_ELSEWHERE",
    "polled where it may not": "SECRET_KEPT",
    "in a bad address": "PARAMETERS",
    "in a closed address": "HTTP_CONNECTION",
}
"""What becomes of the kinds that do not just complete, where a value may stand in addresses and headers."""


def of_kind(kind: str, encodings: Sequence[str], stage: Stage, name: str, value: str) -> dict[str, Any]:
    """A step that is given the secret, whose value the service that it calls tells again."""
    telling, more = KINDS[kind]
    texts = [ENCODINGS[one](value) for one in encodings]
    at, secret = stage.echo.at(partial(telling, texts)), f"${{{{ secrets.{name} }}}}"
    call = {
        "action": "http-request",
        "method": "POST",
        "url": "{at}",
        "body": {"token": "Bearer {secret}"},
        **more,
    }
    written = json.dumps(call).replace("{at}", at).replace("{secret}", secret)
    found: dict[str, Any] = json.loads(written)
    return found


STEPS = st.tuples(
    st.sampled_from(sorted(KINDS)),
    st.lists(st.sampled_from(sorted(ENCODINGS)), min_size=1, max_size=4, unique=True),
)
VALUES = st.one_of(
    st.text("abcXYZ019+/=_-", min_size=8, max_size=40),
    st.text("ab\\\"'%&;#+ /\n<>é😀\t", min_size=4, max_size=24),
    st.sampled_from(["two\nlines and\r\nmore of them", "a" * 3000, '{"json": "in it"}', "%41&amp;\\u0041"]),
)


def put(stage: Stage, drawn: str) -> tuple[str, str]:
    """A new secret of a value that stands nowhere by chance."""
    value, name = secrets.token_hex(4) + drawn, f"S{next(_numbers)}"
    assert is_redactable(value)
    response = stage.api.client.put(f"/secrets/{name}", json={"value": value})
    assert response.is_success, response.text
    stage.values.append(value)
    return name, value


def definition(stage: Stage, drawn: Sequence[Drawn], name: str, value: str) -> dict[str, Any]:
    """Steps that do all this one after the other; then one finds it elsewhere, and all of it is undone."""
    made = [
        {"id": f"s{place}", "continue_on_error": True, **of_kind(kind, encodings, stage, name, value)}
        for place, (kind, encodings) in enumerate(drawn)
    ]
    made[0]["compensate"] = of_kind("json", ["base64 of a user", "plain"], stage, name, value)
    found = [ENCODINGS["json in json"](value), value]
    read = {"id": "read", "action": "http-request", "url": stage.echo.at(lambda *_: Told(200, saying(found)))}
    used = {"id": "used", "action": "transform", "value": "${{ steps.read.outputs.body }}"}
    each = {"id": "each", "foreach": [1, 2], **of_kind("text", ["hex"], stage, name, value)}
    return {"steps": [*made, read, used, each], "outputs": {"all": "${{ steps.used.outputs.value }}"}}


def execute(stage: Stage, body: dict[str, Any], **options: Any) -> str:
    name = f"secrecy-{next(_numbers)}"
    response = stage.api.client.post("/intents", json={"name": name, "definition": body})
    assert response.status_code == 201, response.text
    response = stage.api.client.post(f"/intents/{name}/execute", json=options)
    assert response.status_code == 202, response.text
    execution = str(response.json()["execution_id"])
    list(stage.api.events(execution))
    if not options:
        stage.executions.append(execution)
    for path in (f"/executions/{execution}", f"/executions/{execution}/audit", f"/intents/{name}/audit"):
        assert stage.api.client.get(path).is_success
    for step in body["steps"]:
        stage.api.client.get(f"/executions/{execution}/steps/{step['id']}/outputs")
    stage.api.client.post(f"/intents/{name}/plan", json={})
    return name


def given_to(asked: Asked) -> str:
    token: str = json.loads(asked.body)["token"] if asked.body else ""
    return token


def test_each_kind_of_step_comes_to_what_it_is_for(stage: Stage) -> None:
    name, value = put(stage, "-plain-token")
    drawn = [(kind, ["plain", "base64 of a user", "percent, all of it"]) for kind in KINDS]
    stage.answers.clear()
    execute(stage, definition(stage, drawn, name, value))
    found = stage.api.get(stage.executions[-1])
    came = {
        kind: step["error"]["code"] if step["error"] else step["status"]
        for kind, step in zip(KINDS, found["steps"], strict=False)
    }
    bad = came.pop("called back badly")
    assert bad == f"***{name}***"
    assert came == {kind: OUTCOMES.get(kind, "completed") for kind in came}
    assert found["outputs"]["all"]["echo"][1] == f"***{name}***"
    assert [step["attempts"] for step in found["steps"]][list(KINDS).index("retried")] == 2
    assert {given_to(one) for one in stage.echo.asked} == {"", f"Bearer {value}"}
    assert not leaks(b"\n".join(stage.answers), [value])


@settings(max_examples=MANY or 4, deadline=None, derandomize=not MANY, database=None)
@given(drawn=st.lists(STEPS, min_size=2, max_size=5), text=VALUES)
def test_whatever_steps_do_with_a_secret_it_is_told_nobody(
    stage: Stage, drawn: Sequence[Drawn], text: str
) -> None:
    name, value = put(stage, text)
    body = definition(stage, drawn, name, value)
    stage.answers.clear()
    child = execute(stage, body)
    execute(stage, body, dry_run=True)
    failing = [
        {"id": "child", "action": "run-intent", "intent": child},
        {"id": "end", "action": "assert", "condition": "false"},
    ]
    undone = definition(stage, drawn[:1], name, value)
    execute(stage, {"steps": [*undone["steps"], *failing]})
    told = b"\n".join(stage.answers)
    assert f"***{name}***".encode() in told
    assert not leaks(told, [value])


def test_nothing_that_was_stored_or_sent_has_one(stage: Stage) -> None:
    if not stage.executions:  # it runs by itself
        test_each_kind_of_step_comes_to_what_it_is_for(stage)
    client = stage.api.client
    stage.answers.clear()
    for path in ("/audit", "/audit?format=ndjson", "/secrets", "/stats", "/executions?limit=200", "/intents"):
        client.get(path, headers={"Accept": "application/x-ndjson"} if "ndjson" in path else {})
    until(lambda: ended(stage) >= set(stage.executions))
    names = {span.name for span in stage.collector.spans}
    assert {"step http-request", "POST", "deliver webhook"} <= names
    stage.host.stop()
    assert_secret("answers", stage.answers, stage)
    assert_secret("webhooks", [repr(one.headers).encode() + one.body for one in stage.hook.received], stage)
    seen = [*stage.collector.spans, *stage.collector.logs, *stage.collector.points]
    assert_secret("telemetry", [repr(one).encode() for one in seen], stage)
    assert_secret("log", [stage.log.read_bytes()], stage)
    stored = list(dict.fromkeys(rows(stage)))
    assert any(b"step_completed" in row for row in stored)
    assert_secret("stores", stored, stage)
    files = [path for path in stage.host.data.rglob("*") if path.is_file()]
    assert not leaks(b"\0|\0".join(path.read_bytes() for path in files), stage.values, depth=0)


def ended(stage: Stage) -> set[str]:
    events = [
        event for event in stage.hook.events() if event["type"].endswith(("ion_completed", "ion_failed"))
    ]
    return {str(event["data"].get("execution_id")) for event in events}


def rows(stage: Stage) -> Iterator[bytes]:
    """Every value in every database of the host, and what Cosmos DB has."""
    for path in sorted(stage.host.data.rglob("*.db")):
        with closing(sqlite3.connect(path)) as connection:
            yield from _values(connection)
    if stage.cosmos is not None:
        for collection in stage.cosmos.collections(DATABASE).values():
            for physical in collection.physical:
                yield json.dumps(list(physical.logical.values()), default=vars).encode()


def _values(connection: sqlite3.Connection) -> Iterator[bytes]:
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'"
    )
    for (table,) in tables.fetchall():
        for row in connection.execute(f'SELECT * FROM "{table}"'):
            yield from (one if isinstance(one, bytes) else str(one).encode() for one in row)


def assert_secret(what: str, texts: Sequence[bytes], stage: Stage) -> None:
    assert texts, f"there are {what} to be searched"
    whole = b"\0|\0".join(dict.fromkeys(texts))
    assert not (found := leaks(whole, stage.values, depth=2)), (what, found)
