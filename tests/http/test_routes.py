"""The same questions asked of every route in the table: who may use it, what is taken and what is refused.

A new route is asked them too; what it needs beyond the table stands in the few lists here.
"""

import asyncio
import gzip
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions.routes.executions import RETRY_EXECUTION
from functions.routes.members import PUT_MEMBER
from functions.routes.modules import PUT_MODULE
from functions.routes.policies import PUT_POLICY
from functions.routes.route import Route
from functions.routes.schedules import PUT_SCHEDULE
from functions.routes.secrets import PUT_SECRET
from functions.routes.subscriptions import PUT_SUBSCRIPTION
from functions.routes.table import ROUTES
from functions.routes.tenants import ERASE_TENANT, RESUME_TENANT
from functions.routes.versions import PUT_INTENT
from localhost.identity.issuer import LOCAL_ISSUER
from localhost.sqlite.documents import SqliteDocuments
from shared.adapters.system import SystemClock
from shared.security.permissions import PLATFORM_ROLES, ROLES
from tests.fakes.orchestrations import RecordedOrchestrations
from tests.fakes.secrets import KeptSecrets
from tests.http.conftest import local
from tests.http.harness import Identity, World
from tests.http.modules import MODULE
from tests.security.test_permissions import golden

DEFINITION = {"steps": [{"id": "a", "action": "assert", "condition": "true"}]}
FORBIDS = 'forbid (principal, action == Action::"intents.archive", resource == Intent::"keep");'
BODIES: Mapping[str, Any] = {
    "create_intent": {"name": "mine", "definition": DEFINITION},
    "put_intent": {"definition": {"target": "elsewhere", **DEFINITION}},
    "patch_intent": {"description": "changed"},
    "validate_intent": {"definition": DEFINITION},
    "roll_back_intent": {"version": 1},
    "plan_intent": {},
    "execute_intent": {},
    "bulk_executions": {"operation": "pause", "filter": {"intent": "asks"}},
    "retry_execution": {"from": "a", "repeat_irreversible": ["a"], "reason": "again"},
    "cancel_execution": {"reason": "not needed"},
    "pause_execution": {"reason": "maintenance"},
    "resume_execution": {"reason": "maintained"},
    "terminate_execution": {"reason": "out of hand"},
    "approve_step": {"comment": "it may go"},
    "reject_step": {"comment": "not today"},
    "call_back": {"status": "completed", "outputs": {"image": "shop:7"}},
    "put_schedule": {"intent": "deploy", "cron": "@daily"},
    "preview_schedule": {"cron": "@daily"},
    "put_subscription": {"url": "https://hooks.example.com/", "events": ["*"]},
    "check_policies": {"operation": "intents.read"},
    "put_policy": {"policy": FORBIDS, "description": "for a while"},
    "put_secret": {"value": "a value made by chance", "description": "for the registry"},
    "put_module": MODULE,
    "put_member": {"roles": ["viewer"], "issuer": LOCAL_ISSUER, "subject": "bo"},
    "patch_tenant": {"settings": {"forbidden_actions": []}},
    "create_tenant": {
        "id": "umbrella",
        "administrator": {"user": "ada", "issuer": LOCAL_ISSUER, "subject": "ada-of-umbrella"},
    },
    "put_ceiling": {"quotas": {"intents": 5000}, "rate_limits": {"hour": 2000}},
    "suspend_tenant": {"reason": "for now"},
    "resume_tenant": {"reason": "again"},
}
"""A valid body for each route that has one."""

OWN = {
    PUT_MEMBER.name,
    PUT_MODULE.name,
    PUT_POLICY.name,
    PUT_SCHEDULE.name,
    PUT_SECRET.name,
    PUT_SUBSCRIPTION.name,
}
"""Routes that make something of the caller's own where another tenant has one of that name."""

MADE_BY = {
    "members": PUT_MEMBER,
    "modules": PUT_MODULE,
    "policies": PUT_POLICY,
    "schedules": PUT_SCHEDULE,
    "secrets": PUT_SECRET,
    "subscriptions": PUT_SUBSCRIPTION,
}
OWNED = ("modules", "subscriptions", "policies", "schedules", "secrets", "members", "intents")
CLOSED = [route for route in ROUTES if route.closed]
PLATFORMS = [route for route in CLOSED if route.operation and route.operation not in golden()["admin"]]
"""Those that administer the platform: no member of any tenant but the platform's own may."""
PLACED = [route for route in CLOSED if "{" in route.path and route.name not in OWN and route not in PLATFORMS]
ELSEWHERE = [route for route in CLOSED if route not in PLACED and route not in PLATFORMS]
WITH_BODY = [route for route in CLOSED if route.body is not None]


def named(route: Route) -> str:
    return route.name


def asker(route: Route) -> str:
    """Who may ask it."""
    return "root" if route in PLATFORMS else "admin"


async def resources(world: World) -> Mapping[str, str]:
    """One resource of each kind that acme has, by the noun in its path."""
    await world.intent()
    execution = await world.asking()
    body: Any = {"definition": {"target": "production", **DEFINITION}}
    changed = await world.send("author", "PUT", "/intents/deploy", json=body, headers={"If-Match": "*"})
    assert changed.is_success
    made = {
        "subscriptions": "hook",
        "schedules": "nightly",
        "secrets": "TOKEN",
        "policies": "keep",
        "members": "bo",
        "modules": "scanner",
    }
    for noun, name in made.items():
        body = BODIES[MADE_BY[noun].name]
        assert (await world.send("admin", "PUT", f"/{noun}/{name}", json=body)).is_success
    made["tenants"] = "acme"
    first = BODIES["create_tenant"] | {"id": "initech"}
    assert (await world.send("root", "POST", "/tenants", json=first)).is_success
    ended = await world.ended(said="hello")
    _, made["callbacks"] = await world.called()
    return {"intents": "deploy", "executions": execution, "ended": ended, **made}


async def ready(world: World, having: Mapping[str, str], route: Route) -> Mapping[str, str]:
    """What ``having`` names, as the route needs it to do what it does."""
    if route is RETRY_EXECUTION:
        return {**having, "executions": await world.failed("failed")}
    if route in {RESUME_TENANT, ERASE_TENANT}:
        again = {"reason": "until it is resumed"}
        assert (await world.send("root", "POST", "/tenants/initech/suspend", json=again)).is_success
    return {**having, "tenants": "initech"} if route in PLATFORMS else having


@dataclass(frozen=True)
class Furniture:
    """A platform with :func:`resources`, as it was left; ``having`` are their names."""

    data: Path
    secrets: KeptSecrets
    orchestrations: RecordedOrchestrations
    having: Mapping[str, str]


@pytest.fixture(scope="module")
def furniture(tmp_path_factory: pytest.TempPathFactory, seed: Path, identity: Identity) -> Furniture:
    """Made once: it takes as long as twenty of the requests that the tests are about."""
    data = tmp_path_factory.mktemp("furnished")
    shutil.copytree(seed, data, dirs_exist_ok=True)
    secrets, orchestrations = KeptSecrets(now=SystemClock().now), RecordedOrchestrations()

    async def furnish() -> Mapping[str, str]:
        async with local(
            SqliteDocuments, data, identity, secrets=secrets, orchestrations=orchestrations
        ) as world:
            return await resources(world)

    return Furniture(data, secrets, orchestrations, asyncio.run(furnish()))


@pytest.fixture
async def world(furniture: Furniture, tmp_path: Path, identity: Identity) -> AsyncIterator[World]:
    """A platform with a copy of it all."""
    shutil.copytree(furniture.data, tmp_path, dirs_exist_ok=True)
    kept = {"secrets": deepcopy(furniture.secrets), "orchestrations": deepcopy(furniture.orchestrations)}
    async with local(SqliteDocuments, tmp_path, identity, **kept) as made:
        yield made


@pytest.fixture
def having(furniture: Furniture) -> Mapping[str, str]:
    """The names of what the world has, by the noun in its path."""
    return furniture.having


def path_of(route: Route, having: Mapping[str, str] | None = None) -> str:
    """The path to what there is, or else to what there is not."""
    noun = "ended" if route.path.endswith("/outputs") else route.path.split("/")[1]
    name = having[noun] if having and "{" in route.path else "nothing"
    return "/" + re.sub(r"\{(id|name|user|token)\}", name, route.path).replace("{step}", "ask").replace(
        "{version}", "1"
    ).removeprefix("v1/")


async def ask(
    world: World, user: str | None, route: Route, having: Mapping[str, str] | None = None
) -> httpx.Response:
    headers = {"If-Match": "*"} if route in {PUT_INTENT, ERASE_TENANT} else {}
    body = {"json": BODIES[route.name]} if route.body is not None else {}
    if route.uploads:
        headers, body = {"Content-Type": route.uploads[0]}, {"content": gzip.compress(b"", mtime=0)}
    path = path_of(route, having)
    if route is PUT_MEMBER:  # an identity has one name in a tenant
        body = {"json": BODIES[route.name] | {"subject": path.rpartition("/")[2]}}
    return await world.send(user, route.method, path, headers=headers, **body)


@pytest.mark.parametrize("route", ROUTES, ids=named)
async def test_a_valid_request_has_the_success_of_the_table(
    world: World, having: Mapping[str, str], route: Route
) -> None:
    response = await ask(world, asker(route), route, await ready(world, having, route))
    assert response.status_code == route.status, response.text


@pytest.mark.parametrize("role", PLATFORM_ROLES)
async def test_a_role_opens_exactly_the_routes_that_the_golden_matrix_says(
    world: World, having: Mapping[str, str], role: str
) -> None:
    user = role if role in ROLES else "root"
    refused = [route for route in CLOSED if route.operation and route.operation not in golden()[role]]
    for route in refused:
        for response in (await ask(world, user, route, having), await ask(world, user, route)):
            assert response.status_code == 403, route.name
            # What is of another tenant is forbidden, besides: administrators of the platform alone name them.
            told = ["tenant-boundary"] if user == "root" and route.tag == "tenants" else ["default-deny"]
            assert response.json()["policies"] == told, route.name
    for route in CLOSED:
        if route not in refused:
            response = await ask(world, user, route)
            assert response.status_code in {route.status, 404}, route.name


@pytest.mark.parametrize("route", PLACED, ids=named)
async def test_what_is_another_tenants_does_not_exist(
    world: World, having: Mapping[str, str], route: Route
) -> None:
    other = await ask(world, "eve", route, having)
    absent = await ask(world, "eve", route)
    assert (other.status_code, absent.status_code) == (404, 404)
    differing = ("detail", "instance", "request_id", "timestamp")
    problems = [
        {name: value for name, value in response.json().items() if name not in differing}
        for response in (other, absent)
    ]
    assert problems[0] == problems[1]


@pytest.mark.parametrize("route", PLATFORMS, ids=named)
async def test_who_administers_a_tenant_learns_nothing_of_others_by_asking_the_platforms_routes(
    world: World, having: Mapping[str, str], route: Route
) -> None:
    there = await ask(world, "eve", route, await ready(world, having, route))
    absent = await ask(world, "eve", route)
    assert (there.status_code, absent.status_code) == (403, 403)
    assert there.json()["detail"] == absent.json()["detail"]


@pytest.mark.parametrize("route", ELSEWHERE, ids=named)
async def test_what_names_no_other_tenants_resource_tells_nothing_of_one(
    world: World, having: Mapping[str, str], route: Route
) -> None:
    shown = [await world.send("admin", "GET", f"/{noun}") for noun in OWNED]
    if route is PUT_SCHEDULE:  # what it executes is to be eve's, too
        await world.send("eve", "POST", "/intents", json=BODIES["create_intent"] | {"name": "deploy"})
    response = await ask(world, "eve", route, having)
    assert response.status_code == route.status, response.text
    assert not [name for name in (having["executions"], "acme") if name in response.text]
    assert [(await world.send("admin", "GET", f"/{noun}")).json() for noun in OWNED] == [
        before.json() for before in shown
    ]


def _makes_anew(route: Route) -> bool:
    """Whether a request to put what the path ends in makes it, if it is not there."""
    return route.method == "PUT" and 428 not in route.problems and route.path.endswith("}")


def test_only_what_makes_something_of_the_callers_own_is_excepted() -> None:
    creating = {route.name for route in CLOSED if _makes_anew(route)}
    assert creating == OWN


@pytest.mark.parametrize("noun", ["schedules", "subscriptions", "policies", "members"])
async def test_the_name_of_what_stands_beside_a_tenants_things_is_refused(world: World, noun: str) -> None:
    """The chain of their audit records is in the same partition, under that id."""
    response = await world.send("admin", "PUT", f"/{noun}/chain", json=BODIES[MADE_BY[noun].name])
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert "and not 'chain'" in error["message"]


async def test_an_unknown_query_parameter_is_refused_by_name(world: World) -> None:
    for route in CLOSED:
        response = await world.send(asker(route), route.method, path_of(route), params={"lable": "team:web"})
        assert response.status_code == 400, route.name
        assert response.json()["errors"][0]["pointer"] == "/query/lable"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"content": b"{not json", "headers": {"Content-Type": "application/json"}}, 400),
        ({"content": b"a: [", "headers": {"Content-Type": "application/yaml"}}, 400),
        ({"json": []}, 400),
        ({"content": b"null\n", "headers": {"Content-Type": "application/yaml"}}, 400),
        ({"content": b"a=b", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 415),
        ({"json": {"description": "x" * 70_000}}, 413),
    ],
    ids=["no-json", "no-yaml", "no-object", "no-object-in-yaml", "a-form", "too-large"],
)
async def test_a_body_that_is_none_is_refused_and_stores_nothing(
    world: World, having: Mapping[str, str], sent: dict[str, Any], status: int
) -> None:
    before = (await world.send("admin", "GET", "/audit")).json()
    for route in WITH_BODY:
        response = await world.send(asker(route), route.method, path_of(route, having), **sent)
        assert response.status_code == status, route.name
    assert (await world.send("admin", "GET", "/audit")).json() == before


@pytest.mark.parametrize("route", WITH_BODY, ids=named)
async def test_an_unknown_field_is_refused_by_name(
    world: World, having: Mapping[str, str], route: Route
) -> None:
    body = {**BODIES[route.name], "lable": 1}
    path = path_of(route, await ready(world, having, route))
    response = await world.send(asker(route), route.method, path, json=body)
    if route.name in TOLERANT:
        assert response.status_code == route.status
    else:
        assert response.status_code == 400
        assert [error["pointer"] for error in response.json()["errors"]] == ["/lable"]


TOLERANT = {"validate_intent"}
"""Routes that leave aside what they do not know: an intent as it was got may be validated."""
