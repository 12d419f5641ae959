"""Who may come in: the same questions asked of every route in the table."""

import base64
import json
import time
from pathlib import Path

import pytest

from functions.route import Route
from functions.routes import ROUTES
from shared.security.permissions import ROLES as PERMISSIONS
from tests.http.harness import ROLES, Identity, World

CLOSED = [route for route in ROUTES if route.operation is not None]
BODIES = {
    "create_intent": {"name": "mine", "definition": {}},
    "put_intent": {"definition": {}},
    "validate_intent": {"definition": {}},
    "patch_tenant": {"settings": {}},
    "roll_back_intent": {"version": 1},
    "put_subscription": {"url": "https://hooks.example.com/", "events": ["*"]},
}


def path_of(route: Route, id: str = "nothing") -> str:
    path = route.path.replace("{id}", id).replace("{name}", id).replace("{version}", "1")
    return "/" + path.removeprefix("v1/")


async def test_an_anonymous_caller_is_refused_by_every_route_but_the_open_ones(world: World) -> None:
    for route in ROUTES:
        response = await world.send(None, route.method, path_of(route), content=b"{not json")
        if route.operation is None:
            assert response.status_code == 200, route.name
        else:
            assert response.status_code == 401, route.name
            assert response.json()["code"] == "UNAUTHENTICATED"
            assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_opens_exactly_the_routes_its_permissions_say(world: World, role: str) -> None:
    for route in CLOSED:
        response = await world.send(role, route.method, path_of(route), json=BODIES.get(route.name, {}))
        if route.operation in PERMISSIONS[role]:
            assert response.status_code in {200, 201, 204, 404}, route.name
        else:
            assert response.status_code == 403, route.name
            assert response.json()["policies"] == [f"role:{role}"]


async def test_what_is_another_tenants_does_not_exist(world: World) -> None:
    execution = await world.execution()
    for route in (route for route in CLOSED if "{" in route.path and "subscr" not in route.path):
        path = path_of(route, "deploy" if "intents" in route.path else execution)
        body = BODIES.get(route.name, {})
        other = await world.send("eve", route.method, path, json=body)
        absent = await world.send("eve", route.method, path_of(route), json=body)
        assert (other.status_code, absent.status_code) == (404, 404), route.name
        assert set(other.json()) == set(absent.json())


@pytest.mark.parametrize("path", ["/intents", "/executions"])
async def test_a_list_has_nothing_of_another_tenant(world: World, path: str) -> None:
    await world.execution()
    response = await world.send("eve", "GET", path)
    assert response.json() == {"items": [], "next_cursor": None}


async def test_an_unknown_query_parameter_is_refused_by_name(world: World) -> None:
    for route in CLOSED:
        response = await world.send("admin", route.method, path_of(route), params={"lable": "team:web"})
        assert response.status_code == 400, route.name
        assert response.json()["errors"][0]["pointer"] == "/query/lable"


async def test_an_expired_and_a_forged_token_are_refused_like_any_other(world: World, tmp_path: Path) -> None:
    expired = world.token("admin", now=time.time() - 7200)
    forged = forged_by(Identity.of(tmp_path), world.token("admin"))
    responses = [
        await world.send(None, "GET", "/intents", headers={"Authorization": f"Bearer {token}"})
        for token in (expired, forged, unsigned(world), "nonsense", "")
    ]
    assert [response.status_code for response in responses] == [401] * 5
    details = {(response.json()["code"], response.json()["detail"]) for response in responses}
    assert len(details) == 1


async def test_a_member_of_several_tenants_says_which(world: World) -> None:
    await world.intent()
    unsaid = await world.send("both", "GET", "/intents")
    assert unsaid.status_code == 400
    assert "X-Tenant-ID" in unsaid.json()["detail"]
    acme = await world.send("both", "GET", "/intents", headers={"X-Tenant-ID": "acme"})
    globex = await world.send("both", "GET", "/intents", headers={"X-Tenant-ID": "globex"})
    assert ([len(answer.json()["items"]) for answer in (acme, globex)]) == [1, 0]


async def test_a_tenant_one_is_no_member_of_does_not_exist(world: World) -> None:
    response = await world.send("eve", "GET", "/intents", headers={"X-Tenant-ID": "acme"})
    assert response.status_code == 404


def forged_by(forger: Identity, token: str) -> str:
    """The same claims in the same issuer's name, signed with somebody else's key."""
    claims = token.split(".")[1]
    return forger.keys.sign(json.loads(base64.urlsafe_b64decode(claims + "==")), typ="at+jwt")


def unsigned(world: World) -> str:
    claims = world.token("admin").split(".")[1]
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    return f"{header}.{claims}."
