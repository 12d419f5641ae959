"""The event stream of an execution, and its pages."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.types import Message

from shared.ports.documents import EXECUTIONS, Create
from shared.security.scope import TenantScope
from shared.services.records import event
from tests.http.harness import World

STREAM = {"Accept": "text/event-stream"}
DEADLINE = 60.0


async def happen(world: World, id: str, *events: tuple[str, dict[str, Any]]) -> None:
    """Store events of an execution as its orchestration would."""
    made = [
        Create(event(key=f"{number}", type=kind, now=datetime.now(UTC), data=data))
        for number, (kind, data) in enumerate(events)
    ]
    await world.platform.adapters.documents.transact(
        TenantScope("acme"), container=EXECUTIONS, partition=id, operations=made
    )


STEP = ("step_started", {"step": "a", "attempt": 1})
DONE = ("step_completed", {"step": "a", "attempt": 1, "result": {"x": "é"}})
END: tuple[str, dict[str, Any]] = ("execution_completed", {})


def parsed(text: str) -> list[dict[str, str]]:
    """The events of a stream, after the rules of the WHATWG HTML standard (section 9.2.6)."""
    blocks = [block for block in text.split("\n\n") if block and not block.startswith((":", "retry:"))]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


async def test_a_stream_has_every_event_and_ends_behind_the_terminal_one(world: World) -> None:
    run = await world.execution()
    await happen(world, run, STEP, DONE, END)
    response = await world.send("viewer", "GET", f"/executions/{run}/events", headers=STREAM)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.text.startswith("retry: 1000\n\n")
    events = parsed(response.text)
    types = ["execution_started", "step_started", "step_completed", "execution_completed"]
    assert [item["event"] for item in events] == types
    data = json.loads(events[2]["data"])
    assert data["type"] == "step_completed"
    assert data["execution_id"] == run
    assert data["result"] == {"x": "é"}
    assert data["progress"]["percent"] == 100
    assert data["cursor"] == events[2]["id"]


@pytest.mark.parametrize("by", ["header", "query"])
async def test_a_stream_resumes_behind_the_last_event_seen(world: World, by: str) -> None:
    run = await world.execution()
    await happen(world, run, STEP, DONE, END)
    path = f"/executions/{run}/events"
    seen = parsed((await world.send("viewer", "GET", path, headers=STREAM)).text)[1]["id"]
    headers = STREAM | ({"Last-Event-ID": seen} if by == "header" else {})
    params = {} if by == "header" else {"cursor": seen}
    response = await world.send("viewer", "GET", path, headers=headers, params=params)
    assert [item["event"] for item in parsed(response.text)] == ["step_completed", "execution_completed"]


async def test_a_bad_last_event_id_is_400_before_the_stream_begins(world: World) -> None:
    run = await world.execution()
    response = await world.send(
        "viewer", "GET", f"/executions/{run}/events", headers=STREAM | {"Last-Event-ID": "nonsense"}
    )
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"


async def test_events_come_in_pages_too(world: World) -> None:
    run = await world.execution()
    await happen(world, run, STEP, DONE, END)
    types: list[str] = []
    query = ""
    while True:
        page = (await world.send("viewer", "GET", f"/executions/{run}/events?limit=3{query}")).json()
        types += [item["type"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query = "&cursor=" + page["next_cursor"]
    assert types == ["execution_started", "step_started", "step_completed", "execution_completed"]


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("text/event-stream", "text/event-stream"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("text/*", "text/event-stream"),
        ("application/json;q=0.5, text/event-stream", "text/event-stream"),
        ("application/json, text/event-stream;q=0.9", "application/json"),
        ("text/event-stream;q=0, */*", "application/json"),
        ("Text/Event-Stream", "text/event-stream"),
    ],
)
async def test_accept_decides_between_stream_and_page(world: World, accept: str, media: str) -> None:
    run = await world.execution()
    await happen(world, run, END)
    response = await world.send("viewer", "GET", f"/executions/{run}/events", headers={"Accept": accept})
    assert response.headers["content-type"].startswith(media)


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "application/json;q=much"])
async def test_an_accept_that_allows_neither_is_400(world: World, accept: str) -> None:
    run = await world.execution()
    response = await world.send("viewer", "GET", f"/executions/{run}/events", headers={"Accept": accept})
    assert response.status_code == 400


class LiveStream:
    """One stream over bare ASGI, read while it is open (the HTTP client waits for a response's end)."""

    def __init__(self, world: World, id: str) -> None:
        self._gone = asyncio.Event()
        self._sent: asyncio.Queue[Message] = asyncio.Queue()
        headers = [(b"authorization", world.headers("viewer")["Authorization"].encode())]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "path": f"/api/v1/executions/{id}/events",
            "raw_path": f"/api/v1/executions/{id}/events".encode(),
            "query_string": b"",
            "headers": [*headers, (b"accept", b"text/event-stream")],
            "scheme": "http",
            "server": ("127.0.0.1", 7071),
        }
        self._task = asyncio.ensure_future(world.app(scope, self._receive, self._sent.put))

    async def _receive(self) -> Message:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            message = await asyncio.wait_for(self._sent.get(), DEADLINE)
            if message.get("body"):
                yield message["body"]
            if message["type"] == "http.response.body" and not message.get("more_body"):
                return

    async def go_away(self) -> None:
        self._gone.set()
        await asyncio.wait_for(self._task, DEADLINE)


async def test_an_event_is_sent_when_it_happens(world: World) -> None:
    run = await world.execution()
    chunks = aiter(LiveStream(world, run))
    assert b"execution_started" in await anext(chunks)
    await happen(world, run, STEP, DONE)
    both = await anext(chunks)
    assert both.count(b"event: ") == 2, "what is ready together is sent together"
    await world.platform.adapters.documents.transact(
        TenantScope("acme"),
        container=EXECUTIONS,
        partition=run,
        operations=[Create(event(key="end", type="execution_failed", now=datetime.now(UTC)))],
    )
    assert b"execution_failed" in await anext(chunks)
    assert [chunk async for chunk in chunks] == []


async def test_a_silent_stream_gives_a_sign_of_life(impatient: World) -> None:
    run = await impatient.execution()
    stream = LiveStream(impatient, run)
    chunks = aiter(stream)
    await anext(chunks)
    assert await anext(chunks) == b": still here\n\n"
    await stream.go_away()


async def test_a_client_that_goes_away_ends_the_stream(world: World) -> None:
    run = await world.execution()
    stream = LiveStream(world, run)
    await anext(aiter(stream))
    await stream.go_away()
