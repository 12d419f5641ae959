"""Every function of the app as it is registered, and who can call it: what nobody has listed is closed."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from functions.http.system import METHODS
from functions.routes.console import CONSOLE
from functions.routes.route import PREFIX, Route
from functions.routes.system import UNKNOWN
from functions.routes.table import ROUTES
from tests.http.harness import World, functions
from tests.http.test_routes import BODIES, path_of, resources
from tests.security.listing import listed

OPEN, INNER = listed("open_functions.txt"), listed("inner_functions.txt")
BY_NAME = {route.name: route for route in ROUTES}


def triggers() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each function's name and trigger, as its bindings have them."""
    for function in functions():
        bindings = function.get_bindings_dict()["bindings"]
        (trigger,) = (one for one in bindings if one["type"].endswith("Trigger"))
        yield function.get_function_name(), trigger


HTTP = {name: trigger for name, trigger in triggers() if trigger["type"] == "httpTrigger"}
PATHS = sorted({route.path for route in ROUTES})


def taker(path: str, method: str) -> str | None:
    """The function that takes requests of that path, as it is sent, and method."""
    at = f"{PREFIX}v1{path}"
    found = [name for name, one in BY_NAME.items() if one.method == method and one.pattern.fullmatch(at)]
    assert len(found) < 2, f"{found} take the same requests"
    return found[0] if found else None


def test_every_function_that_takes_requests_is_a_route_of_the_table() -> None:
    """So what is asked of every route of the table is asked of every function."""
    doors = {name: (one["route"], [str(method) for method in one["methods"]]) for name, one in HTTP.items()}
    table = {route.name: (route.template.removeprefix("/"), [route.method]) for route in (*ROUTES, *CONSOLE)}
    assert doors == table | {UNKNOWN.name: (UNKNOWN.template.removeprefix("/"), METHODS)}


def test_a_function_asks_for_a_token_or_has_a_reason_not_to() -> None:
    without = {name for name in HTTP if name not in BY_NAME or not BY_NAME[name].closed}
    assert without - OPEN.keys() == set(), "say in open_functions.txt why these ask for no token"
    assert OPEN.keys() - without == set(), (
        "take these out of open_functions.txt: they ask for one, or are gone"
    )


def test_what_takes_no_requests_has_a_reason_why_nobody_can_call_it() -> None:
    inner = {f"{name} {trigger['type']}" for name, trigger in triggers() if name not in HTTP}
    assert inner - INNER.keys() == set(), "say in inner_functions.txt why nobody outside can call these"
    assert INNER.keys() - inner == set(), "take these out of inner_functions.txt: they are gone"


def test_the_platform_is_the_only_one_to_ask_who_calls() -> None:
    """A key of the Functions host would be another way in: one for all, and nobody's."""
    assert {str(one["authLevel"]) for one in HTTP.values()} == {"ANONYMOUS"}


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer nonsense"}], ids=["no-token", "no-good-token"]
)
async def test_who_has_no_token_is_refused_by_every_function_in_every_method(
    world: World, headers: dict[str, str]
) -> None:
    having = await resources(world)
    before = (await world.send("admin", "GET", "/audit")).json()
    asked = set()
    for path in PATHS:
        for method in METHODS:
            at = path_of(_route(path), having)
            name = taker(at, method)
            response = await world.send(None, method, at, content=b"{not json", headers=headers)
            if name is None:
                assert response.status_code == 405, (method, path)
            elif name in OPEN:
                assert response.status_code != 401, (
                    f"{name} asks for a token: take it out of open_functions.txt"
                )
            else:
                asked.add(name)
                assert response.status_code == 401, name
                assert response.headers["www-authenticate"].startswith("Bearer")
                assert response.json()["code"] == "UNAUTHENTICATED"
    assert asked == HTTP.keys() - OPEN.keys()
    assert (await world.send("admin", "GET", "/audit")).json() == before


async def test_an_address_that_is_a_right_opens_to_who_has_it_and_to_nobody_else(world: World) -> None:
    having = await resources(world)
    for route in (route for route in ROUTES if route.sealed):
        waits = await world.send(None, route.method, path_of(route, having), content=b"{not json")
        assert waits.status_code == 415, route.name
        wrong = await world.send(None, route.method, path_of(route), json=BODIES[route.name])
        assert wrong.status_code == 404, route.name


async def test_what_is_open_to_everybody_says_the_same_to_everybody(world: World) -> None:
    """Nothing of a tenant can be in it."""
    for name in OPEN.keys() & BY_NAME.keys():
        route = BY_NAME[name]
        if not route.sealed:
            said = [
                (await world.send(user, route.method, path_of(route))).text for user in (None, "admin", "eve")
            ]
            assert len(set(said)) == 1, name


def _route(path: str) -> Route:
    return next(route for route in ROUTES if route.path == path)
