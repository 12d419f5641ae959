"""What pages of other origins may ask. What every response has in its head, ``harness.conforms`` looks at."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from localhost.sqlite.documents import SqliteDocuments
from tests.http.conftest import local
from tests.http.harness import Identity, World
from tests.http.test_routes import BODIES

CONSOLE = "https://console.example"
EVIL = [
    "https://evil.example",
    "http://console.example",
    "https://console.example:8443",
    "https://console.example.evil.example",
    "https://evil-console.example",
    "HTTPS://CONSOLE.EXAMPLE",
    "null",
    "*",
    "",
]
ASKED = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture
async def shared(data: Path, identity: Identity) -> AsyncIterator[World]:
    """A platform at an https address that shares its answers with one console."""
    origins = frozenset({CONSOLE.encode()})
    async with local(
        SqliteDocuments, data, identity, host_url="https://quantum.example", cors_origins=origins
    ) as made:
        yield made


@pytest.fixture
async def open_to_all(data: Path, identity: Identity) -> AsyncIterator[World]:
    async with local(SqliteDocuments, data, identity, cors_origins=frozenset({b"*"})) as made:
        yield made


def cors_of(response: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name.startswith("access-control-")}


async def test_without_the_setting_no_page_of_another_origin_sees_anything(world: World) -> None:
    for origin in (CONSOLE, *EVIL):
        response = await world.send("viewer", "GET", "/intents", headers={"Origin": origin})
        assert (response.status_code, cors_of(response)) == (200, {})
        preflight = await world.send(None, "OPTIONS", "/intents", headers={"Origin": origin, **ASKED})
        assert (preflight.status_code, cors_of(preflight)) == (405, {})


async def test_a_preflight_of_an_allowed_origin_says_what_may_be_asked(shared: World) -> None:
    response = await shared.send(None, "OPTIONS", "/intents/deploy", headers={"Origin": CONSOLE, **ASKED})
    assert (response.status_code, response.content) == (204, b"")
    told = cors_of(response)
    assert told["access-control-allow-origin"] == CONSOLE
    assert told["access-control-allow-methods"] == "DELETE, GET, PATCH, PUT"
    for name in (
        "Authorization",
        "X-Tenant-ID",
        "Idempotency-Key",
        "If-Match",
        "Last-Event-ID",
        "traceparent",
    ):
        assert name in told["access-control-allow-headers"].split(", ")
    assert response.headers["vary"] == "Origin"


async def test_there_is_no_preflight_of_what_there_is_not(shared: World) -> None:
    response = await shared.send(None, "OPTIONS", "/nothing", headers={"Origin": CONSOLE, **ASKED})
    assert response.status_code == 404


@pytest.mark.parametrize(
    ("user", "method", "path", "status"),
    [
        ("viewer", "GET", "/intents", 200),
        ("author", "POST", "/intents", 201),
        (None, "GET", "/intents", 401),
        ("viewer", "POST", "/intents", 403),
        ("viewer", "GET", "/intents/absent", 404),
        ("viewer", "GET", "/nothing", 404),
    ],
)
async def test_an_allowed_origin_sees_every_answer_and_its_headers(
    shared: World, user: str | None, method: str, path: str, status: int
) -> None:
    body: dict[str, Any] = {"json": BODIES["create_intent"]} if method == "POST" else {}
    response = await shared.send(user, method, path, headers={"Origin": CONSOLE}, **body)
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (status, CONSOLE)
    assert "ETag" in response.headers["access-control-expose-headers"]


@pytest.mark.parametrize("origin", EVIL)
async def test_an_origin_that_is_not_on_the_list_sees_nothing(shared: World, origin: str) -> None:
    headers = {"Origin": origin}
    response = await shared.send("viewer", "GET", "/intents", headers=headers)
    assert (response.headers["vary"], cors_of(response)) == ("Origin", {})
    preflight = await shared.send(None, "OPTIONS", "/intents", headers=headers | ASKED)
    assert (preflight.status_code, cors_of(preflight)) == (405, {})


async def test_all_origins_may_be_allowed_but_credentials_never_are(
    open_to_all: World, shared: World
) -> None:
    for world, allowed in ((open_to_all, "*"), (shared, CONSOLE)):
        for method, headers in (("GET", {}), ("OPTIONS", ASKED)):
            response = await world.send("viewer", method, "/intents", headers={"Origin": CONSOLE, **headers})
            assert response.headers["access-control-allow-origin"] == allowed
            assert "access-control-allow-credentials" not in response.headers


async def test_what_is_public_stays_public(shared: World) -> None:
    response = await shared.send(None, "GET", "/openapi.json", headers={"Origin": EVIL[0]})
    assert response.headers.get_list("access-control-allow-origin") == ["*"]


async def test_https_is_insisted_on_where_there_is_https(shared: World, world: World) -> None:
    strict = "strict-transport-security"
    assert (await shared.send(None, "GET", "/intents")).headers[strict] == "max-age=31536000"
    assert strict not in (await world.send(None, "GET", "/intents")).headers


async def test_an_answer_that_is_asked_for_again_is_still_a_304(world: World) -> None:
    await world.intent()
    first = await world.send("viewer", "GET", "/intents/deploy")
    again = await world.send(
        "viewer", "GET", "/intents/deploy", headers={"If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.headers["cache-control"]) == (304, "no-store")
