"""Route templates and the router over them."""

import httpx
import pytest
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from localhost.http.router import Route, Router
from localhost.http.templates import TemplateError, parse, shape


def endpoint(name: str) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse([name, scope["path_params"]])(scope, receive, send)

    return answer


def client(*templates: str, methods: frozenset[str] = frozenset({"GET"})) -> httpx.AsyncClient:
    routes = [Route(template, methods, endpoint(template)) for template in templates]
    app = Router(routes, PlainTextResponse("elsewhere", 404))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://host")


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("api/items", "/api/items", {}),
        ("api/items", "/API/Items/", {}),
        ("items/{id}", "/items/a%20b", {"id": "a b"}),
        ("items/{id}", "/items/a%2Fb", {"id": "a/b"}),
        ("items/{id:int}", "/items/-5", {"id": "-5"}),
        ("items/{id?}", "/items", {}),
        ("items/{id?}", "/items/1", {"id": "1"}),
        ("items/{id=7}", "/items", {"id": "7"}),
        ("files/{name}.{ext}", "/files/a.b.txt", {"name": "a", "ext": "b.txt"}),
        ("files/{*path}", "/files/a/b/c", {"path": "a/b/c"}),
        ("files/{*path}", "/files", {}),
        ("{*path}", "/", {}),
        ("v-{version}/x", "/V-2/x", {"version": "2"}),
        ("{a}/{b:alpha}", "/1/x", {"a": "1", "b": "x"}),
        (
            "{id:guid}",
            "/cd2c1638-1638-72d5-1638-deadbeef1638",
            {"id": "cd2c1638-1638-72d5-1638-deadbeef1638"},
        ),
        ("{n:length(2,3)}", "/abc", {"n": "abc"}),
        ("{n:range(1,9)}", "/9", {"n": "9"}),
        ("{n:minlength(2):maxlength(3)}", "/ab", {"n": "ab"}),
        ("{n:min(5)}", "/5", {"n": "5"}),
        ("{n:bool}", "/True", {"n": "True"}),
        ("{n:datetime}", "/2026-01-01", {"n": "2026-01-01"}),
        (r"{n:regex(^\d{{3}}$)}", "/123", {"n": "123"}),
        ("{n:regex(^a?b=$):maxlength(3)?}", "/b=", {"n": "b="}),
    ],
)
async def test_a_path_that_fits_gives_its_values(template: str, path: str, values: dict[str, str]) -> None:
    async with client(template) as requests:
        answer = await requests.get(path)

    assert answer.json() == [template, values]


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("items/{id}", "/items"),
        ("items/{id}", "/items/1/2"),
        ("items/{id:int}", "/items/one"),
        ("items/{id:int}", "/items/1.5"),
        ("{n:length(2)}", "/abc"),
        ("{n:max(5)}", "/6"),
        ("{n:alpha}", "/a1"),
        (r"{n:regex(^\d{{3}}$)}", "/1234"),
        ("files/{name}.{ext}", "/files/none"),
    ],
)
async def test_a_path_that_does_not_fit_goes_elsewhere(template: str, path: str) -> None:
    async with client(template) as requests:
        answer = await requests.get(path)

    assert (answer.status_code, answer.text) == (404, "elsewhere")


@pytest.mark.parametrize(
    ("path", "winner"),
    [
        ("/items/new", "items/new"),
        ("/items/5", "items/{id:int}"),
        ("/items/a.b", "items/{name}.{ext}"),
        ("/items/five", "items/{id}"),
        ("/items/5/parts", "items/{id}/parts"),
        ("/items/5/other", "{*rest}"),
    ],
)
async def test_the_most_specific_template_wins(path: str, winner: str) -> None:
    templates = (
        "{*rest}",
        "items/{id}",
        "items/{id}/parts",
        "items/{id:int}",
        "items/{name}.{ext}",
        "items/new",
    )
    async with client(*templates) as requests:
        answer = await requests.get(path)

    assert answer.json()[0] == winner


async def test_a_method_nobody_has_is_405_with_the_methods_that_are() -> None:
    async with client("items/{id}", methods=frozenset({"GET", "PUT"})) as requests:
        answer = await requests.delete("/items/1")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, PUT")


async def test_a_less_specific_template_serves_the_method_that_the_first_lacks() -> None:
    routes = [
        Route("items/new", frozenset({"GET"}), endpoint("new")),
        Route("items/{id}", frozenset({"DELETE"}), endpoint("id")),
    ]
    transport = httpx.ASGITransport(Router(routes, PlainTextResponse("elsewhere", 404)))
    async with httpx.AsyncClient(transport=transport, base_url="http://host") as requests:
        answer = await requests.delete("/items/new")

    assert answer.json() == ["id", {"id": "new"}]


async def test_a_route_without_methods_takes_all() -> None:
    async with client("items", "items/{id}", methods=frozenset()) as requests:
        assert (await requests.patch("/items")).status_code == 200
        assert (await requests.patch("/items/1")).status_code == 200


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("a//b", "empty segment"),
        ("a/{b", "braces"),
        ("a/b}", "braces"),
        ("{a}/{a}", "appears twice"),
        ("{*a}/b", "last segment"),
        ("{a?}/b", "last segment"),
        ("{a:whole}", "does not exist: whole"),
        ("{a:length()}", "does not exist: length"),
        ("{1a}", "not a route parameter"),
        ("x-{a:int}", "shares its segment"),
    ],
)
def test_a_malformed_template_is_refused_with_the_reason(template: str, reason: str) -> None:
    with pytest.raises(TemplateError, match=reason):
        parse(template)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a/{b}", "A/{c}", True),
        ("a/{b:int}", "a/{c:int}", True),
        ("a/{b:int}", "a/{b}", False),
        ("a/{*b}", "a/{b}", False),
        ("a/b", "a/c", False),
    ],
)
def test_two_templates_for_the_same_paths_have_one_shape(one: str, other: str, *, same: bool) -> None:
    assert (shape(parse(one)) == shape(parse(other))) is same
