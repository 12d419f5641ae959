"""``Idempotency-Key`` on every route that changes something: the routes are those of the table."""

import asyncio
import gzip
import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from functions.gateway.edge import WORK_SECONDS
from functions.openapi import document as openapi
from functions.routes.route import Route
from functions.routes.table import ROUTES
from shared.domain.errors import UnavailableError
from shared.ports.documents import COUNTERS, EXECUTIONS, REGISTRY, TENANCY, Container, Query
from shared.security.scope import TenantScope
from shared.services.idempotency import LEASE, LIFE, TURN
from tests.fakes.documents import Killed, Moment
from tests.http.harness import Stage, World
from tests.http.modules import MODULE
from tests.stores import BOTH_STORES

STEPS = [{"id": "a", "action": "assert", "condition": "true"}]
POLICY = {"policy": 'forbid (principal, action == Action::"intents.archive", resource == Intent::"keep");'}
HOOK = {"url": "https://hooks.example.com/", "events": ["*"]}


@dataclass(frozen=True)
class Request:
    """One that succeeds, and changes something."""

    method: str
    path: str
    body: Any = None
    if_match: str | None = None
    user: str = "admin"
    tenants: tuple[str, ...] = ("acme",)
    """Whose documents it changes."""
    archive: bytes = b""
    """The body, of what is sent a file."""

    async def send(self, world: World, key: str, *, user: str | None = None, **more: str) -> httpx.Response:
        headers = {"Idempotency-Key": key, **({"If-Match": self.if_match} if self.if_match else {}), **more}
        sent: dict[str, Any] = {} if self.body is None else {"json": self.body}
        if self.archive:
            sent, headers["Content-Type"] = {"content": self.archive}, "application/gzip"
        return await world.send(user or self.user, self.method, self.path, headers=headers, **sent)


async def _create(world: World, name: str) -> Request:
    return Request("POST", "/intents", {"name": name, "definition": {"steps": STEPS}})


async def _put(world: World, name: str) -> Request:
    await world.intent(name)
    etag = (await world.send("viewer", "GET", f"/intents/{name}")).headers["etag"]
    return Request("PUT", f"/intents/{name}", {"definition": {"target": "new", "steps": STEPS}}, etag)


async def _patch(world: World, name: str) -> Request:
    await world.intent(name)
    return Request("PATCH", f"/intents/{name}", {"description": "new", "labels": {"team": "web"}})


async def _archive(world: World, name: str) -> Request:
    await world.intent(name)
    return Request("DELETE", f"/intents/{name}")


async def _roll_back(world: World, name: str) -> Request:
    change = await _put(world, name)
    headers = {"If-Match": str(change.if_match)}
    assert (await world.send("author", "PUT", change.path, json=change.body, headers=headers)).is_success
    return Request("POST", f"/intents/{name}/rollback", {"version": 1})


async def _execute(world: World, name: str) -> Request:
    await world.intent(name)
    return Request("POST", f"/intents/{name}/execute")


async def _steer(world: World, name: str, verb: str) -> Request:
    await world.intent(name)
    execution = (await world.send("operator", "POST", f"/intents/{name}/execute")).json()["execution_id"]
    return Request("POST", f"/executions/{execution}/{verb}", {"reason": "it must be"})


async def _cancel(world: World, name: str) -> Request:
    return await _steer(world, name, "cancel")


async def _pause(world: World, name: str) -> Request:
    return await _steer(world, name, "pause")


async def _resume(world: World, name: str) -> Request:
    pause = await _pause(world, name)
    assert (await world.send("operator", "POST", pause.path)).status_code == 202
    return replace(pause, path=pause.path.replace("pause", "resume"))


async def _terminate(world: World, name: str) -> Request:
    return await _steer(world, name, "terminate")


async def _bulk(world: World, name: str) -> Request:
    await _steer(world, name, "pause")
    return Request("POST", "/executions/bulk", {"operation": "pause", "filter": {"intent": name}})


async def _retry(world: World, name: str) -> Request:
    return Request("POST", f"/executions/{await world.failed(name)}/retry", {"reason": "again"})


async def _approve(world: World, name: str) -> Request:
    return Request("POST", f"/executions/{await world.asking(name)}/steps/ask/approve", {"comment": "go"})


async def _reject(world: World, name: str) -> Request:
    return Request("POST", f"/executions/{await world.asking(name)}/steps/ask/reject", {"comment": "no"})


async def _put_schedule(world: World, name: str) -> Request:
    await world.intent(name)
    return Request("PUT", f"/schedules/{name}", {"intent": name, "cron": "@daily"})


async def _delete_schedule(world: World, name: str) -> Request:
    put = await _put_schedule(world, name)
    assert (await world.send("admin", "PUT", put.path, json=put.body)).is_success
    return Request("DELETE", put.path)


async def _put_subscription(world: World, name: str) -> Request:
    return Request("PUT", f"/subscriptions/{name}", HOOK)


async def _delete_subscription(world: World, name: str) -> Request:
    assert (await world.send("admin", "PUT", f"/subscriptions/{name}", json=HOOK)).is_success
    return Request("DELETE", f"/subscriptions/{name}")


async def _put_policy(world: World, name: str) -> Request:
    return Request("PUT", f"/policies/{name}", POLICY)


async def _delete_policy(world: World, name: str) -> Request:
    assert (await world.send("admin", "PUT", f"/policies/{name}", json=POLICY)).is_success
    return Request("DELETE", f"/policies/{name}")


async def _put_secret(world: World, name: str) -> Request:
    return Request("PUT", f"/secrets/{name.replace('-', '_')}", {"value": f"the value of {name}"})


async def _delete_secret(world: World, name: str) -> Request:
    put = await _put_secret(world, name)
    assert (await world.send("admin", "PUT", put.path, json=put.body)).is_success
    return Request("DELETE", put.path)


async def _put_module(world: World, name: str) -> Request:
    return Request("PUT", f"/modules/m{name[-20:]}", MODULE)


async def _rotate_key(world: World, name: str) -> Request:
    put = await _put_module(world, name)
    assert (await world.send("admin", "PUT", put.path, json=put.body)).is_success
    return Request("POST", f"{put.path}/rotate-key")


async def _delete_module(world: World, name: str) -> Request:
    put = await _put_module(world, name)
    assert (await world.send("admin", "PUT", put.path, json=put.body)).is_success
    return Request("DELETE", put.path)


async def _put_member(world: World, name: str) -> Request:
    identity = {"issuer": world.identity.issuer.url, "subject": name}
    return Request("PUT", f"/members/{name}", {"roles": ["viewer"], **identity})


async def _delete_member(world: World, name: str) -> Request:
    put = await _put_member(world, name)
    assert (await world.send("admin", "PUT", put.path, json=put.body)).is_success
    return Request("DELETE", put.path)


async def _upload(world: World, name: str) -> Request:
    del world
    return Request("POST", "/contexts", archive=gzip.compress(name.encode(), mtime=0))


async def _patch_tenant(world: World, name: str) -> Request:
    return Request("PATCH", "/tenants/acme", {"settings": {"allowed_registries": [f"{name}.example.com"]}})


async def _create_tenant(world: World, name: str) -> Request:
    first = {"user": "ada", "issuer": world.identity.issuer.url, "subject": f"ada-of-{name}"}
    body = {"id": name, "administrator": first}
    return Request("POST", "/tenants", body, user="root", tenants=(name, "platform"))


async def _suspend_tenant(world: World, name: str) -> Request:
    create = await _create_tenant(world, name)
    assert (await world.send("root", "POST", "/tenants", json=create.body)).is_success
    return replace(create, path=f"/tenants/{name}/suspend", body={"reason": "it must be"})


async def _put_ceiling(world: World, name: str) -> Request:
    suspend = await _suspend_tenant(world, name)
    return replace(suspend, method="PUT", path=f"/tenants/{name}/ceiling", body={"quotas": {"intents": 5}})


async def _resume_tenant(world: World, name: str) -> Request:
    suspend = await _suspend_tenant(world, name)
    assert (await world.send("root", "POST", suspend.path, json=suspend.body)).is_success
    return replace(suspend, path=f"/tenants/{name}/resume")


async def _erase_tenant(world: World, name: str) -> Request:
    suspend = await _suspend_tenant(world, name)
    made = await world.send("root", "POST", suspend.path, json=suspend.body)
    return replace(
        suspend, method="DELETE", path=f"/tenants/{name}", body=None, if_match=made.headers["etag"]
    )


REQUESTS: Mapping[str, Callable[[World, str], Awaitable[Request]]] = {
    "create_intent": _create,
    "put_intent": _put,
    "patch_intent": _patch,
    "archive_intent": _archive,
    "roll_back_intent": _roll_back,
    "execute_intent": _execute,
    "cancel_execution": _cancel,
    "bulk_executions": _bulk,
    "retry_execution": _retry,
    "pause_execution": _pause,
    "resume_execution": _resume,
    "terminate_execution": _terminate,
    "approve_step": _approve,
    "reject_step": _reject,
    "put_schedule": _put_schedule,
    "delete_schedule": _delete_schedule,
    "put_subscription": _put_subscription,
    "delete_subscription": _delete_subscription,
    "put_policy": _put_policy,
    "delete_policy": _delete_policy,
    "put_secret": _put_secret,
    "delete_secret": _delete_secret,
    "put_module": _put_module,
    "rotate_module_key": _rotate_key,
    "delete_module": _delete_module,
    "put_member": _put_member,
    "delete_member": _delete_member,
    "upload_context": _upload,
    "patch_tenant": _patch_tenant,
    "create_tenant": _create_tenant,
    "put_ceiling": _put_ceiling,
    "suspend_tenant": _suspend_tenant,
    "resume_tenant": _resume_tenant,
    "erase_tenant": _erase_tenant,
}
"""How each of the routes is asked; one that is missing here fails its tests by name."""

RECORDS: Mapping[str, int] = {
    "retry_execution": 2,
    "create_tenant": 3,
    "put_ceiling": 2,
    "suspend_tenant": 2,
    "resume_tenant": 2,
    "erase_tenant": 2,
}
"""How many audit records each leaves, if it is not one: a retry leaves one in each of two executions, what is
made of a tenant one in its and one in the platform's own, and its first administrator one more."""

EVERY_ROUTE = pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.mutates], ids=lambda route: route.name
)


async def stored(stage: Stage, kind: str, tenants: Sequence[str] = ("acme",)) -> list[tuple[str, str]]:
    """Partition and id of all documents of that kind that the tenants have."""
    found = []
    for container, tenant in itertools.product((REGISTRY, EXECUTIONS, TENANCY, COUNTERS), tenants):
        page = await stage.documents.query(TenantScope(tenant), Query(container, kind, limit=1000))
        found += [(item.body[container.partition_field], item.body["id"]) for item in page.items]
    return found


@dataclass
class Interruption:
    """Raises ``error`` when it is asked for the time that ``point`` says."""

    point: int
    error: BaseException
    asked: int = 0

    def __call__(self, moment: Moment, container: Container) -> None:
        self.asked += 1
        if self.asked == self.point + 1:
            raise self.error

    @property
    def happened(self) -> bool:
        return self.asked > self.point


@contextmanager
def interrupted(stage: Stage, point: int, error: BaseException) -> Iterator[Interruption]:
    stage.documents.interrupt = interruption = Interruption(point, error)
    yield interruption
    stage.documents.interrupt = None


def shown(response: httpx.Response) -> tuple[int, bytes, list[str | None]]:
    names = ("etag", "location", "content-type", "cache-control", "deprecation", "link")
    return response.status_code, response.content, [response.headers.get(name) for name in names]


@EVERY_ROUTE
@BOTH_STORES
async def test_sent_again_it_is_answered_the_same_and_not_done_again(stage: Stage, route: Route) -> None:
    request = await REQUESTS[route.name](stage.world, "deploy")
    before = len(await stored(stage, "audit", request.tenants))
    first = await request.send(stage.world, "k")
    assert first.status_code == route.status, first.text
    after = await stored(stage, "audit", request.tenants), await stored(stage, "event", request.tenants)
    assert len(after[0]) == before + RECORDS.get(route.name, 1)
    assert len(await stored(stage, "receipt", request.tenants)) == 1
    again = await request.send(stage.world, "k")
    assert shown(again) == shown(first)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert (
        await stored(stage, "audit", request.tenants),
        await stored(stage, "event", request.tenants),
    ) == after


@EVERY_ROUTE
async def test_another_request_with_its_key_is_refused(stage: Stage, route: Route) -> None:
    request = await REQUESTS[route.name](stage.world, "deploy")
    await request.send(stage.world, "k")
    others = [
        replace(request, path=request.path + "-x"),
        replace(request, if_match='"another"'),
    ]
    if request.user == "admin":
        others.append(Request("POST", "/intents", {"name": "another", "definition": {}}))
    if request.archive:
        others.append(replace(request, archive=gzip.compress(b"another")))
    if request.body is not None:
        others.append(replace(request, body=request.body | _OTHER[route.name], if_match=None))
    for other in others:
        response = await other.send(stage.world, "k")
        if response.status_code not in {404, 405}:  # that path has no such route
            assert (response.status_code, response.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED"), other
    assert await stage.world.names() in (["deploy"], [])


_OTHER: Mapping[str, dict[str, Any]] = {
    "put_module": {"endpoint": "https://modules.example.com/another"},
    "create_intent": {"description": "another"},
    "put_intent": {"message": "another"},
    "patch_intent": {"description": "another"},
    "roll_back_intent": {"message": "another"},
    "bulk_executions": {"reason": "another"},
    "retry_execution": {"reason": "another"},
    "cancel_execution": {"reason": "another"},
    "pause_execution": {"reason": "another"},
    "resume_execution": {"reason": "another"},
    "terminate_execution": {"reason": "another"},
    "approve_step": {"comment": "another"},
    "reject_step": {"comment": "another"},
    "put_member": {"roles": ["author"]},
    "put_schedule": {"catch_up": 2},
    "put_subscription": {"enabled": False},
    "put_policy": {"enabled": False},
    "put_secret": {"value": "another value"},
    "patch_tenant": {"settings": {"allowed_registries": None}},
    "create_tenant": {"id": "another"},
    "put_ceiling": {"quotas": {"intents": 6}},
    "suspend_tenant": {"reason": "another"},
    "resume_tenant": {"reason": "another"},
}


@EVERY_ROUTE
@BOTH_STORES
async def test_of_many_at_once_one_is_done(stage: Stage, route: Route) -> None:
    request = await REQUESTS[route.name](stage.world, "deploy")
    before = len(await stored(stage, "audit", request.tenants))
    responses = await asyncio.gather(*(request.send(stage.world, "k") for _ in range(8)))
    done = [response for response in responses if response.status_code == route.status]
    refused = [response for response in responses if response.status_code != route.status]
    assert done
    assert len({response.content for response in done}) == 1
    for response in refused:
        assert (response.status_code, response.json()["code"]) == (409, "CONFLICT")
        assert response.headers["retry-after"] == "1"
    assert len(await stored(stage, "audit", request.tenants)) == before + RECORDS.get(route.name, 1)
    assert shown(await request.send(stage.world, "k")) == shown(done[0])


@EVERY_ROUTE
@BOTH_STORES
async def test_whenever_the_process_dies_it_is_done_once_and_answered(stage: Stage, route: Route) -> None:
    """It dies before and after each transaction on the way; the next turn comes when the first is over."""
    for point in itertools.count():
        request = await REQUESTS[route.name](stage.world, f"deploy-{point}")
        before = len(await stored(stage, "audit", request.tenants))
        started = len(stage.world.orchestrations.started)
        with interrupted(stage, point, Killed()) as interruption, suppress(Killed):
            await request.send(stage.world, f"k{point}")
        died = interruption.happened
        if died:
            waiting = await request.send(stage.world, f"k{point}")
            assert waiting.status_code in {409, route.status}  # nothing was stored before the first point
        stage.clock.advance(LEASE.total_seconds())
        answer = await request.send(stage.world, f"k{point}")
        assert answer.status_code == route.status, (point, answer.text)
        assert shown(await request.send(stage.world, f"k{point}")) == shown(answer)
        assert len(await stored(stage, "audit", request.tenants)) == before + RECORDS.get(route.name, 1), (
            point
        )
        if route.name == "execute_intent":
            assert len(stage.world.orchestrations.started) == started + 1
        if route.name == "put_subscription":
            assert answer.json()["secret"].startswith("whsec_")
        if not died:
            assert point >= 6  # around the turn's beginning, the work and the answer
            return


@EVERY_ROUTE
async def test_whenever_the_store_fails_it_is_done_once_and_answered(stage: Stage, route: Route) -> None:
    """As above, but the process lives: it says that it could not, and may be asked again."""
    for point in itertools.count():
        request = await REQUESTS[route.name](stage.world, f"deploy-{point}")
        before = len(await stored(stage, "audit", request.tenants))
        with interrupted(stage, point, UnavailableError()) as interruption:
            first = await request.send(stage.world, f"k{point}")
        assert first.status_code in {503, route.status}
        stage.clock.advance(LEASE.total_seconds())
        answer = await request.send(stage.world, f"k{point}")
        assert answer.status_code == route.status, (point, answer.text)
        assert len(await stored(stage, "audit", request.tenants)) == before + RECORDS.get(route.name, 1), (
            point
        )
        if not interruption.happened:
            return


@EVERY_ROUTE
async def test_who_may_not_do_it_takes_no_key(stage: Stage, route: Route) -> None:
    request = await REQUESTS[route.name](stage.world, "deploy")
    for user in (None, "viewer"):
        response = await stage.world.send(
            user, request.method, request.path, json=request.body, headers={"Idempotency-Key": "k"}
        )
        assert response.status_code == (403 if user else 401)
    assert await stored(stage, "idempotency") == []
    assert (await request.send(stage.world, "k")).status_code == route.status


async def test_the_same_key_of_another_member_or_tenant_is_another(stage: Stage) -> None:
    for user, status in (("admin", 201), ("author", 409), ("eve", 201)):
        response = await Request("POST", "/intents", {"name": "deploy", "definition": {}}).send(
            stage.world, "k", user=user
        )
        assert (response.status_code, "idempotency-replayed" in response.headers) == (status, False)


async def test_a_body_is_the_same_however_it_is_spelled(stage: Stage) -> None:
    bodies = {
        "application/json": [
            b'{"name":"deploy","definition":{"n":1}}',
            b' { "definition": {"n": 1.0}, "name": "\\u0064eploy" }',
        ],
        "application/yaml": [b"name: deploy\ndefinition: {n: 1}"],
    }
    responses = [
        await stage.world.send(
            "author", "POST", "/intents", content=body, headers={"Content-Type": kind, "Idempotency-Key": "k"}
        )
        for kind, spellings in bodies.items()
        for body in spellings
    ]
    assert [response.status_code for response in responses] == [201] * 3
    assert ["idempotency-replayed" in response.headers for response in responses] == [False, True, True]


async def test_an_error_that_the_request_came_to_is_its_answer(stage: Stage) -> None:
    request = Request("POST", "/intents/deploy/execute", {"parameters": {}})
    missing = await request.send(stage.world, "k")
    assert missing.status_code == 404
    await stage.world.intent()
    again = await request.send(stage.world, "k")
    assert again.headers["idempotency-replayed"] == "true"
    assert shown(again) == shown(missing)
    assert (await request.send(stage.world, "new")).status_code == 202


async def test_a_request_that_cannot_be_read_takes_no_key(stage: Stage) -> None:
    bad = Request("POST", "/intents", {"name": "deploy", "definition": [], "extra": 1})
    assert (await bad.send(stage.world, "k")).status_code == 400
    assert (await (await _create(stage.world, "deploy")).send(stage.world, "k")).status_code == 201


@pytest.mark.parametrize("keys", [[""], ["a b"], ["x" * 256], ["\t"], ["\xe9"], ["a", "b"]])
async def test_what_is_no_key_is_refused_with_its_place(stage: Stage, keys: list[str]) -> None:
    headers = [(name, value) for name, value in stage.world.headers("author").items()]
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    raw += [(b"Idempotency-Key", key.encode("latin-1")) for key in keys]
    response = await stage.world.http.post(
        "/api/v1/intents", headers=raw, json={"name": "deploy", "definition": {}}
    )
    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == ["/headers/Idempotency-Key"]
    assert await stage.world.names() == []


@pytest.mark.parametrize("key", ["x", "x" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "!~/:,"])
async def test_visible_characters_are_a_key(stage: Stage, key: str) -> None:
    request = await _create(stage.world, "deploy")
    assert [(await request.send(stage.world, key)).status_code for _ in range(2)] == [201, 201]


async def test_a_route_that_changes_nothing_does_not_mind_a_key(stage: Stage) -> None:
    for request in (
        Request("GET", "/intents"),
        Request("POST", "/intents/validate", {"definition": {}}),
        Request("POST", "/intents/validate", {"definition": {"steps": STEPS}}),
    ):
        response = await request.send(stage.world, "k")
        assert (response.status_code, "idempotency-replayed" in response.headers) == (200, False)
    assert await stored(stage, "idempotency") == []


@BOTH_STORES
async def test_a_day_later_the_key_is_new(stage: Stage) -> None:
    request = await _execute(stage.world, "deploy")
    ids = []
    for wait in (0, LIFE.total_seconds() - 1, 1):
        stage.clock.advance(wait)
        token = stage.world.token("admin", now=stage.clock.now().timestamp())
        response = await request.send(stage.world, "k", Authorization=f"Bearer {token}")
        ids.append(response.json()["execution_id"])
    assert ids[0] == ids[1] != ids[2]


def test_a_turn_is_longer_than_the_edge_lets_a_request_work_and_shorter_than_its_lease() -> None:
    assert timedelta(seconds=WORK_SECONDS) < TURN < LEASE


def test_the_contract_tells_of_the_key_where_something_changes() -> None:
    document = openapi.document()
    for route in ROUTES:
        operation = document["paths"]["/api/" + route.path][route.method.lower()]
        parameters = [one.get("$ref", "").rpartition("/")[2] for one in operation["parameters"]]
        headers = operation["responses"][str(route.status)].get("headers", {})
        told = "IdempotencyKey" in parameters, "Idempotency-Replayed" in headers
        assert told == (route.mutates, route.mutates), route.name
        assert not route.mutates or {"409", "422"} <= operation["responses"].keys()


def test_what_changes_something_is_what_no_reader_may_do() -> None:
    changing = {route.name for route in ROUTES if route.mutates}
    assert changing == REQUESTS.keys()
    assert not any(route.mutates for route in ROUTES if route.method == "GET")
