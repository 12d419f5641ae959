"""What steps of tenants' own modules do: signed calls of the reference module, and of what is broken."""

import json
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, override

import pytest

from examples.modules.provisioner import MANIFEST, Server
from shared.ports.documents import TENANCY, Delete
from shared.security.scope import TenantScope
from shared.services.modules.uses import ModuleUses
from tests.http.harness import Opening, Stage, World
from tests.stores import BOTH_STORES

ACT = {
    "description": "Does what the test says.",
    "side_effect": "idempotent",
    "parameters": {"type": "object"},
    "outputs": {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False},
    "supports": ["cancel", "poll"],
    "takes_secrets": [],
    "timeout": 0.5,
}


@pytest.fixture
def special_settings() -> Mapping[str, Any]:
    return {"egress_loopback": True}


@pytest.fixture
async def world(opening: Opening) -> AsyncIterator[World]:
    """The platform, which leaves no connection open behind a test."""
    async with opening() as made:
        yield made
        await made.platform.remote_modules.aclose()


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def provisioner() -> Iterator[Server]:
    server = Server([])
    with serving(server):
        yield server


async def register(world: World, server: Server) -> None:
    """Put the module, and give its server the key that was shown."""
    body = {"endpoint": server.url, "manifest": MANIFEST}
    response = await world.send("admin", "PUT", "/modules/provisioner", json=body)
    assert response.status_code == 200, response.text
    server.keys = [response.json()["secret"]]


async def execute(world: World, *steps: dict[str, Any], name: str = "uses", **more: Any) -> str:
    await world.intent(name, definition={"steps": list(steps)})
    response = await world.send("operator", "POST", f"/intents/{name}/execute", json=more)
    assert response.status_code == 202, response.text
    return str(response.json()["execution_id"])


async def attempt(world: World, execution: str, step: str, attempt: int = 1, **more: Any) -> dict[str, Any]:
    ids = {"tenant_id": "acme", "execution_id": execution, "step": step, "attempt": attempt}
    return await world.platform.steps.run(ids | more)


async def step_of(world: World, execution: str, position: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = (await world.send("viewer", "GET", f"/executions/{execution}")).json()["steps"][
        position
    ]
    return found


LEASE = {"id": "a", "action": "provisioner/lease", "environment": "review-7"}


@BOTH_STORES
async def test_an_action_that_answers_at_once_completes_its_step_and_is_undone_by_another(
    world: World, provisioner: Server
) -> None:
    await register(world, provisioner)
    execution = await execute(world, LEASE)
    assert (await attempt(world, execution, "a", first=True))["status"] == "completed"
    step = await step_of(world, execution)
    assert step["outputs"]["address"] == "review-7.test"
    assert provisioner.module.state()["leases"] == [step["outputs"]["lease"]]
    undone = await attempt(world, execution, "a", compensates=True)
    assert undone["status"] == "completed", undone
    assert provisioner.module.state()["leases"] == []


@BOTH_STORES
async def test_an_action_that_takes_long_is_polled(world: World, provisioner: Server) -> None:
    await register(world, provisioner)
    execution = await execute(
        world, {"id": "a", "action": "provisioner/provision", "machines": 2, "seconds": 60}
    )
    first = await attempt(world, execution, "a", first=True)
    assert (first["status"], first["delay"]) == ("pending", 0.2)
    assert (await step_of(world, execution))["status"] == "waiting"
    again = await attempt(world, execution, "a", token=first["token"])
    assert again["status"] == "pending"
    provisioner.module.machines = dict.fromkeys(provisioner.module.machines, 0.0)
    assert (await attempt(world, execution, "a", token=first["token"]))["status"] == "completed"
    assert (await step_of(world, execution))["outputs"] == {"names": ["machine-1", "machine-2"]}


async def test_what_is_polled_is_cancelled_at_the_endpoint(world: World, provisioner: Server) -> None:
    await register(world, provisioner)
    execution = await execute(
        world, {"id": "a", "action": "provisioner/provision", "machines": 1, "seconds": 60}
    )
    first = await attempt(world, execution, "a", first=True)
    assert len(provisioner.module.machines) == 1
    stopped = await attempt(world, execution, "a", token=first["token"], gives_up="cancel")
    assert stopped["status"] == "cancelled"
    assert provisioner.module.machines == {}


@BOTH_STORES
async def test_an_action_that_calls_back_completes_by_that(
    world: World, provisioner: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = threading.Event()
    called: list[tuple[str, Mapping[str, Any]]] = []

    def hear(url: str, outputs: Mapping[str, Any]) -> None:  # the platform has no port in this process
        called.append((url, outputs))
        told.set()

    monkeypatch.setattr("examples.modules.provisioner.call_back", hear)
    await register(world, provisioner)
    execution = await execute(world, {"id": "a", "action": "provisioner/inspect", "environment": "review-7"})
    first = await attempt(world, execution, "a", first=True)
    assert first["status"] == "pending"
    assert (await step_of(world, execution))["waiting"][0]["for"] == "callback"
    assert told.wait(10)
    (url, outputs), *more = called
    assert not more
    answer = {"status": "completed", "outputs": outputs}
    assert (
        await world.http.post("/api/v1/callbacks/" + url.rpartition("/")[2], json=answer)
    ).status_code == 202
    assert (await attempt(world, execution, "a", token=first["token"]))["status"] == "completed"
    assert (await step_of(world, execution))["outputs"] == {"healthy": True}


async def test_a_delivery_that_comes_again_before_the_first_was_recorded_carries_the_same_key(
    world: World, provisioner: Server
) -> None:
    """As after a death between call and record: the endpoint is asked again, and does nothing twice."""
    await register(world, provisioner)
    execution = await execute(world, LEASE)
    step = {"tenant_id": "acme", "execution_id": execution, "step": "a", "attempt": 1, "first": True}
    provisioner.module.leases[f"{execution}/a"] = "lease-made-before-the-death"
    assert (await world.platform.steps.run(step))["status"] == "completed"
    assert (await step_of(world, execution))["outputs"]["lease"] == "lease-made-before-the-death"
    assert (await world.platform.steps.run(step))["status"] == "completed"
    assert len(provisioner.module.leases) == 1


async def test_a_dry_run_asks_what_would_be_done_and_does_nothing(world: World, provisioner: Server) -> None:
    await register(world, provisioner)
    inspect = {"id": "b", "action": "provisioner/inspect", "environment": "review-7"}
    execution = await execute(world, LEASE, inspect, dry_run=True)
    assert (await attempt(world, execution, "a", first=True))["status"] == "completed"
    assert (await attempt(world, execution, "b"))["status"] == "completed"
    assert (await step_of(world, execution))["would"] == {"do": "lease review-7.test"}
    assert (await step_of(world, execution, 1))["would"]["call"] == "provisioner/inspect"
    assert provisioner.module.state() == {"leases": [], "machines": 0}
    assert not provisioner.module.inspected


async def test_calls_are_signed_with_both_keys_while_one_takes_the_place_of_the_other(
    world: World, provisioner: Server
) -> None:
    await register(world, provisioner)
    rotated = await world.send("admin", "POST", "/modules/provisioner/rotate-key")
    assert rotated.json()["key"]["number"] == 2
    assert rotated.json()["secret"] != provisioner.keys[0]
    for number, keys in enumerate([provisioner.keys, [rotated.json()["secret"]]]):
        provisioner.keys = keys
        execution = await execute(world, LEASE, name=f"uses-{number}")
        assert (await attempt(world, execution, "a", first=True))["status"] == "completed"
    provisioner.keys = ["whsec_" + "QUFB" * 10]
    execution = await execute(world, LEASE, name="refused")
    assert (await attempt(world, execution, "a", first=True))["status"] == "failed"
    assert (await step_of(world, execution))["error"]["code"] == "MODULE_REFUSED"


async def test_a_running_execution_keeps_the_version_that_it_was_planned_with(
    world: World, provisioner: Server
) -> None:
    await register(world, provisioner)
    execution = await execute(world, LEASE)
    elsewhere = {"endpoint": "http://127.0.0.1:9/", "manifest": MANIFEST}
    put = await world.send("admin", "PUT", "/modules/provisioner", json=elsewhere)
    assert (put.json()["version"], put.json().get("secret")) == (2, None)
    assert (await attempt(world, execution, "a", first=True))["status"] == "completed"
    planned = await world.send("operator", "POST", "/intents/uses/plan", json={})
    node = planned.json()["graph"]["nodes"][0]
    assert node["module_version"] == 2
    later = (await world.send("operator", "POST", "/intents/uses/execute")).json()["execution_id"]
    assert (await attempt(world, later, "a", first=True))["error"]["code"] == "MODULE_CONNECTION"


@BOTH_STORES
async def test_a_secret_reaches_the_module_in_that_call_and_nothing_else(
    world: World, provisioner: Server
) -> None:
    seen: list[Any] = []
    answer = provisioner.module.answer

    def listening(call: Mapping[str, Any], key: str) -> Any:
        seen.append(call["parameters"].get("password"))
        if call["operation"] == "run":
            return 200, {"outputs": {"names": [call["parameters"]["password"]]}}
        return answer(call, key)

    provisioner.module.answer = listening  # type: ignore[method-assign]  # a module that repeats secrets
    await register(world, provisioner)
    secret = {"value": "correct horse battery staple"}
    assert (await world.send("admin", "PUT", "/secrets/PASSWORD", json=secret)).is_success
    given = {"machines": 1, "password": "${{ secrets.PASSWORD }}"}
    execution = await execute(world, {"id": "a", "action": "provisioner/provision", **given})
    assert (await attempt(world, execution, "a", first=True))["status"] == "completed"
    assert seen == [secret["value"]]
    shown = (await world.send("admin", "GET", f"/executions/{execution}")).text
    events = (await world.send("admin", "GET", f"/executions/{execution}/events")).text
    assert secret["value"] not in shown + events
    refused = {"id": "a", "action": "provisioner/lease", "environment": "${{ secrets.PASSWORD }}"}
    response = await world.send(
        "author", "POST", "/intents", json={"name": "wrong", "definition": {"steps": [refused]}}
    )
    assert [one["code"] for one in response.json()["errors"]] == ["SECRET_PLACE"]


class Faulty(BaseHTTPRequestHandler):
    """Answers as the test says; None: not at all."""

    protocol_version = "HTTP/1.1"
    server: "FaultyServer"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.asked += 1
        if self.server.says is None:
            self.server.released.wait(20)
            self.close_connection = True
            return
        status, headers, body = self.server.says
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        pass


class FaultyServer(ThreadingHTTPServer):
    daemon_threads = True
    says: tuple[int, dict[str, str], bytes] | None = (200, {}, b"{}")
    asked = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Faulty)
        self.released = threading.Event()

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that give up are what some tests are about."""


@pytest.fixture
def faulty() -> Iterator[FaultyServer]:
    server = FaultyServer()
    with serving(server):
        yield server
        server.released.set()


async def put_faulty(world: World, server: FaultyServer, **act: Any) -> None:
    url = f"http://127.0.0.1:{server.server_address[1]}/base/"
    body = {"endpoint": url, "manifest": {"description": "Fails.", "actions": {"act": ACT | act}}}
    assert (await world.send("admin", "PUT", "/modules/faulty", json=body)).status_code == 200


def said(body: Any, status: int = 200, **headers: str) -> tuple[int, dict[str, str], bytes]:
    return status, headers, body if isinstance(body, bytes) else json.dumps(body).encode()


ANSWERS: Mapping[str, tuple[tuple[int, dict[str, str], bytes] | None, str, bool]] = {
    "slow": (None, "MODULE_TIMEOUT", True),
    "unavailable": (said({}, 503, **{"retry-after": "7"}), "MODULE_UNAVAILABLE", True),
    "refused": (said({}, 403), "MODULE_REFUSED", False),
    "redirect": (said({}, 302, location="http://169.254.169.254/"), "MODULE_REDIRECT", False),
    "no-json": (said(b"<html>"), "MODULE_ANSWER", False),
    "a-list": (said([]), "MODULE_ANSWER", False),
    "nothing": (said({}), "MODULE_ANSWER", False),
    "huge": (said(b'{"outputs": "' + b"x" * 1_100_000 + b'"}'), "MODULE_ANSWER", False),
    "bomb": (said(b"\x1f\x8b", 200, **{"content-encoding": "gzip, gzip, gzip"}), "MODULE_ANSWER", False),
    "odd-poll": (said({"poll": {"after": -1}}, 202), "MODULE_ANSWER", False),
    "no-poll": (said({}, 202), "MODULE_ANSWER", False),
    "undeclared": (said({"outputs": {"n": 1, "m": 2}}), "OUTPUTS", False),
    "an-error": (
        said({"error": {"code": "BROKEN", "message": "no", "retryable": True, "retry_after": 9}}),
        "BROKEN",
        True,
    ),
    "odd-error": (said({"error": {"code": "not a code", "message": "no"}}), "MODULE_ANSWER", False),
}


@pytest.mark.parametrize("kind", ANSWERS)
async def test_whatever_an_endpoint_answers_the_step_says_what_was_wrong(
    world: World, faulty: FaultyServer, kind: str
) -> None:
    faulty.says, code, retried = ANSWERS[kind]
    await put_faulty(world, faulty)
    retry = {"max_attempts": 2, "initial_interval": 1}
    execution = await execute(world, {"id": "a", "action": "faulty/act", "retry": retry})
    outcome = await attempt(world, execution, "a", first=True)
    assert outcome["status"] == ("retry" if retried else "failed"), outcome
    if kind == "an-error":
        assert outcome["delay"] == 9
    if kind == "unavailable":
        assert outcome["delay"] == 7
    error = (await step_of(world, execution))["error"]
    assert error["code"] == code
    if code.startswith("MODULE"):
        assert "faulty/act" in error["message"] or "/base/actions/act" in error["message"]


async def test_what_cannot_be_asked_just_now_is_polled_again_as_long_as_the_attempt_has_time(
    world: World, faulty: FaultyServer
) -> None:
    await put_faulty(world, faulty)
    faulty.says = said({"poll": {"after": 3, "token": {"job": 7}}}, 202)
    execution = await execute(world, {"id": "a", "action": "faulty/act"})
    first = await attempt(world, execution, "a", first=True)
    faulty.says = said({}, 502)
    again = await attempt(world, execution, "a", token=first["token"])
    assert (again["status"], again["delay"]) == ("pending", 3)
    faulty.says = said({"outputs": {"n": 1}})
    assert (await attempt(world, execution, "a", token=first["token"]))["status"] == "completed"


async def test_an_endpoint_inside_is_refused_when_it_is_put_and_when_it_is_called(stage: Stage) -> None:
    """This platform reaches nothing on its own machine."""
    manifest = {"description": "Inside.", "actions": {"act": ACT}}
    for endpoint in ("http://127.0.0.1:1", "https://169.254.169.254/x", "https://10.0.0.7/"):
        body = {"endpoint": endpoint, "manifest": manifest}
        response = await stage.world.send("admin", "PUT", "/modules/inside", json=body)
        assert response.status_code == 422
        assert ["/endpoint", "EGRESS"] in [[one["pointer"], one["code"]] for one in response.json()["errors"]]


async def test_an_endpoint_that_fails_again_and_again_is_left_alone_for_a_while(
    world: World, faulty: FaultyServer
) -> None:
    await put_faulty(world, faulty)
    faulty.says = said({}, 500)
    retry = {"max_attempts": 9, "initial_interval": 1, "max_interval": 1}
    execution = await execute(world, {"id": "a", "action": "faulty/act", "retry": retry})
    for number in range(1, 6):
        assert (await attempt(world, execution, "a", number, first=number == 1))["status"] == "retry"
    assert faulty.asked == 5
    told = (await world.send("viewer", "GET", "/modules/faulty")).json()["circuit"]
    assert (told["state"], told["failures"]) == ("open", 5)
    outcome = await attempt(world, execution, "a", 6)
    assert (outcome["status"], faulty.asked) == ("retry", 5)
    assert outcome["delay"] > 3
    assert (await step_of(world, execution))["error"]["code"] == "MODULE_CIRCUIT_OPEN"


async def test_a_step_whose_module_is_gone_fails_and_says_so(world: World, provisioner: Server) -> None:
    """It was deleted at the same moment as the execution was stored, which nobody saw."""
    await register(world, provisioner)
    execution = await execute(world, LEASE)
    assert (await world.send("admin", "DELETE", "/intents/uses")).is_success
    head = ModuleUses(world.adapters.documents)
    scope = TenantScope("acme")
    (version,) = await head.versions(scope, "provisioner")
    await world.adapters.documents.transact(
        scope, container=TENANCY, partition="modules", operations=[Delete(version.body["id"])]
    )
    world.platform.tenant_actions._store.kept.clear()
    assert (await attempt(world, execution, "a", first=True))["status"] == "failed"
    error = (await step_of(world, execution))["error"]
    assert (error["code"], "provisioner/lease" in error["message"]) == ("MODULE_GONE", True)


async def test_calls_tell_where_they_belong_and_which_version_asks(world: World, provisioner: Server) -> None:
    seen: list[Mapping[str, Any]] = []
    answer = provisioner.module.answer

    def listening(call: Mapping[str, Any], key: str) -> Any:
        seen.append({**call, "key": key})
        return answer(call, key)

    provisioner.module.answer = listening  # type: ignore[method-assign]  # to see what is sent
    await register(world, provisioner)
    execution = await execute(world, {**LEASE, "foreach": ["a", "b"], "environment": "${{ item }}"})
    assert (await attempt(world, execution, "a", first=True))["status"] == "items"
    for item in (0, 1):
        assert (await attempt(world, execution, "a", item=item))["status"] == "completed"
    assert [one["item"] for one in seen] == [0, 1]
    assert len({one["key"] for one in seen}) == 2
    assert {(one["execution"], one["step"], one["attempt"], one["version"]) for one in seen} == {
        (execution, "a", 1, 1)
    }
