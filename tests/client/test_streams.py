"""Streams are taken up where they broke, and end after the terminal event."""

from typing import Any

import pytest

from quantum.client import Client, Retries
from quantum.client.errors import UnreachableError, WaitTimeoutError
from tests.client.script import CUT, Script, answer, problem, stream

SOON = Retries(attempts=3, first=0.001, longest=0.002)
EVENTS = "/api/v1/executions/e-1/events"


def event(number: int, type: str) -> dict[str, Any]:
    return {"cursor": f"c{number}", "type": type, "execution_id": "e-1", "time": "2024-01-04T10:00:00Z"}


STARTED, STEP, ENDED = event(1, "execution_started"), event(2, "step_completed"), event(3, "execution_failed")


async def test_a_stream_that_breaks_is_taken_up_behind_the_last_event(script: Script) -> None:
    script.lines = [stream(STARTED), CUT, problem(503, "UNAVAILABLE"), stream(STEP), stream(ENDED)]
    async with Client(script.url, token="t", retries=SOON) as client:
        seen = [event async for event in client.stream(EVENTS)]
    assert seen == [STARTED, STEP, ENDED]
    assert [asked.headers.get("last-event-id") for asked in script.asked] == [None, "c1", "c1", "c1", "c2"]
    assert {asked.headers["accept"] for asked in script.asked} == {"text/event-stream"}


async def test_nothing_is_asked_behind_the_terminal_event(script: Script) -> None:
    script.lines = [stream(STARTED, ENDED), CUT]
    async with Client(script.url, token="t", retries=SOON) as client:
        assert [event.type async for event in client.executions.events("e-1")][-1] == "execution_failed"
    assert len(script.asked) == 1


async def test_a_stream_behind_the_last_event_of_what_has_ended_ends(script: Script) -> None:
    empty = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\n\r\n"
    script.lines = [empty, answer(200, {"status": "completed"})]
    async with Client(script.url, token="t", retries=SOON) as client:
        assert [event async for event in client.stream(EVENTS, after="c3")] == []


async def test_a_stream_that_brings_nothing_time_and_again_is_an_error(script: Script) -> None:
    script.lines = [stream()]
    async with Client(script.url, token="t", retries=SOON) as client:
        with pytest.raises(UnreachableError, match=EVENTS):
            await anext(client.stream(EVENTS))
    assert len(script.asked) == 3


async def test_waiting_has_an_end_and_stops_nothing(client: Client) -> None:
    await client.intents.create("long-wait", {"steps": [{"action": "wait", "seconds": 600}]})
    started = await client.intents.execute("long-wait")
    with pytest.raises(WaitTimeoutError, match="goes on"):
        await client.executions.wait(started.execution_id, timeout=0.05)
    assert (await client.executions.cancel(started.execution_id)).status in {"cancelling", "cancelled"}
    assert (await client.executions.wait(started.execution_id, timeout=60)).status == "cancelled"
