"""Bad bodies: the documented status, the place named, nothing stored."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Message

from functions.gateway import bodies
from shared.domain.errors import BadRequestError
from tests.http.harness import MAX_BODY, World

JSON = {"Content-Type": "application/json"}


async def post(world: World, raw: bytes, content_type: str | None = "application/json") -> Any:
    headers = {} if content_type is None else {"Content-Type": content_type}
    response = await world.send("author", "POST", "/intents", content=raw, headers=headers)
    assert await world.names() == []
    return response


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b'{"name": "x",\n "definition": }', "line 2, column 16"),
        (b'{"name": "x"', "line 1, column 13"),
        (b"\xff\xfe", "byte 0"),
        (b"\xef\xbb\xbf{}", "line 1, column 1"),
        (b'{"name": "a", "name": "b", "definition": {}}', "'name'"),
        (b'{"name": "a", "definition": {"a": NaN}}', "NaN"),
        (b'{"name": "a", "definition": {"a": 1e999}}', "1e999"),
        (b'{"name": "a", "definition": {"a": ' + b"9" * 5000 + b"}}", "out of range"),
        (b"[" * 30000, "nested deeper"),
        (b'{"name": "a", "definition": {"a": ' + b"[" * 70 + b"]" * 70 + b"}}", "nested deeper"),
        (b"", "needs a body"),
    ],
)
async def test_what_is_not_json_is_refused_with_its_place(world: World, raw: bytes, place: str) -> None:
    response = await post(world, raw)
    assert response.status_code == 400
    assert response.json()["code"] == "BAD_REQUEST"
    assert place in response.json()["detail"]


@pytest.mark.parametrize(
    ("raw", "pointers"),
    [
        (b"[]", [""]),
        (b"{}", ["/name", "/definition"]),
        (
            b'{"name": 1, "definition": [], "labels": {"a": 1}, "status": "archived", "extra": 1}',
            ["/name", "/definition", "/labels/a", "/status", "/extra"],
        ),
        (b'{"name": "a", "definition": {"a/b": [9007199254740993]}}', ["/definition/a~1b/0"]),
        (b'{"name": "a", "definition": {"a": "\\ud800"}}', ["/definition/a"]),
    ],
)
async def test_a_body_of_another_shape_is_refused_with_every_place(
    world: World, raw: bytes, pointers: list[str]
) -> None:
    response = await post(world, raw)
    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == pointers
    assert "CreateIntent" not in response.text  # an internal name


@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"],
)
async def test_a_body_that_does_not_say_it_is_json_is_415(world: World, content_type: str | None) -> None:
    response = await post(world, b'{"name": "a", "definition": {}}', content_type)
    assert response.status_code == 415


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=UTF-8", "Application/JSON", "application/vnd.quantum+json"]
)
async def test_json_by_any_of_its_names_is_taken(world: World, content_type: str) -> None:
    body = b'{"name": "a", "definition": {}}'
    response = await world.send(
        "author", "POST", "/intents", content=body, headers={"Content-Type": content_type}
    )
    assert response.status_code == 201


@pytest.mark.parametrize("value", [{}, [], 1, 1.5, True])
async def test_a_time_that_is_no_text_is_refused_with_its_place(world: World, value: Any) -> None:
    body = {"intent": "deploy", "cron": "@daily", "end": value}
    response = await world.send("operator", "PUT", "/schedules/nightly", json=body)
    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == ["/end"]


async def test_a_body_that_announces_too_much_is_413_unread(world: World) -> None:
    read: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        read.append(1)
        yield b"x"

    headers = JSON | {"Content-Length": str(MAX_BODY + 1)}
    response = await world.send("author", "POST", "/intents", content=body(), headers=headers)
    assert response.status_code == 413
    assert response.json()["code"] == "TOO_LARGE"
    assert read == []


async def test_a_body_that_grows_too_large_is_413_before_its_end(world: World) -> None:
    chunks: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        for number in range(1000):
            chunks.append(number)
            yield b" " * 1024

    response = await world.send("author", "POST", "/intents", content=body(), headers=JSON)
    assert response.status_code == 413
    assert len(chunks) < 100
    assert await world.names() == []


async def test_a_client_that_goes_away_in_the_middle_of_its_body_stores_nothing(world: World) -> None:
    arriving = iter([{"type": "http.request", "body": b'{"name": "a",', "more_body": True}])
    sent: list[Message] = []

    async def receive() -> Message:
        return next(arriving, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        sent.append(message)

    token = world.headers("author")["Authorization"].encode()
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/intents",
        "raw_path": b"/api/v1/intents",
        "query_string": b"",
        "headers": [(b"authorization", token), (b"content-type", b"application/json")],
    }
    await world.app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert await world.names() == []


async def test_a_body_that_never_ends_is_not_waited_for() -> None:
    arriving = iter([{"type": "http.request", "body": b"{", "more_body": True}])

    async def receive() -> Message:
        for message in arriving:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    request = Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)
    with pytest.raises(BadRequestError, match="did not arrive whole"):
        await bodies.read(request, limit=1000, seconds=0.01)


async def test_a_body_of_the_largest_size_is_taken(world: World) -> None:
    body = json.dumps({"name": "large", "definition": {}}).encode()
    padded = body + b" " * (MAX_BODY - len(body))
    response = await world.send("author", "POST", "/intents", content=padded, headers=JSON)
    assert response.status_code == 201
