"""``Idempotency-Key`` on every route that changes something, whoever lives; see also ``test_deaths.py``."""

import asyncio
import gzip
from dataclasses import replace
from datetime import timedelta

import pytest

from functions.gateway.edge import WORK_SECONDS
from functions.openapi import document as openapi
from functions.routes.route import Route
from functions.routes.table import ROUTES
from shared.services.idempotency import LEASE, LIFE, TURN
from tests.http.changing import EVERY_ROUTE, OTHER, RECORDS, REQUESTS, STEPS, Request, shown, stored
from tests.http.harness import Stage
from tests.stores import BOTH_STORES

create = REQUESTS["create_intent"]


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
        others.append(replace(request, body=request.body | OTHER[route.name], if_match=None))
    for other in others:
        response = await other.send(stage.world, "k")
        if response.status_code not in {404, 405}:  # that path has no such route
            assert (response.status_code, response.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED"), other
    assert await stage.world.names() in (["deploy"], [])


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
    assert (await (await create(stage.world, "deploy")).send(stage.world, "k")).status_code == 201


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
    request = await create(stage.world, "deploy")
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
    request = await REQUESTS["execute_intent"](stage.world, "deploy")
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
