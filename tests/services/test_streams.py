"""Events as a live stream and as pages: complete, in order, resumable, with the same progress for all."""

import asyncio
from typing import Any

import pytest

from shared.domain.errors import BadCursorError
from shared.domain.events import Event
from shared.domain.executions import Execution
from shared.ports.actions import Completed
from tests.services.conftest import Workshop

STEPS = [{"id": name, "action": "act"} for name in ("a", "b", "c")]


@pytest.fixture
async def execution(workshop: Workshop) -> Execution:
    workshop.catalogue.add("act", lambda _parameters, _context: Completed({}))
    return await workshop.execute(*STEPS)


async def run(workshop: Workshop, execution: Execution) -> None:
    for step in STEPS:
        await workshop.attempt(execution, str(step["id"]))
    await workshop.finish(execution, "completed")


async def tailed(workshop: Workshop, execution: Execution, after: str | None = None) -> list[Event]:
    tail = await workshop.streams.tail(workshop.ada, execution.execution_id, after=after)
    return [event async for batch in tail for event in batch]


async def test_a_tail_follows_what_happens_and_ends_behind_the_terminal_event(
    workshop: Workshop, execution: Execution
) -> None:
    watching = asyncio.create_task(tailed(workshop, execution))
    await run(workshop, execution)
    events = await watching
    assert [event.type for event in events] == await workshop.types(execution)
    assert events[-1].type == "execution_completed"


async def test_a_tail_resumes_behind_any_cursor_with_the_progress_of_then(
    workshop: Workshop, execution: Execution
) -> None:
    await run(workshop, execution)
    whole = await tailed(workshop, execution)
    assert [event.data["progress"]["percent"] for event in whole if "progress" in event.data] == [
        33,
        66,
        100,
        100,
    ]
    for position, event in enumerate(whole):
        assert await tailed(workshop, execution, event.cursor) == whole[position + 1 :]


async def test_an_empty_batch_says_that_a_heartbeat_is_due(workshop: Workshop, execution: Execution) -> None:
    tail = await workshop.streams.tail(workshop.ada, execution.execution_id, after=None)
    assert [event.type for event in await anext(tail)] == ["execution_started"]
    assert list(await anext(tail)) == []


async def test_pages_have_everything_once(workshop: Workshop, execution: Execution) -> None:
    await run(workshop, execution)
    types: list[str] = []
    after: str | None = None
    while True:
        events, after = await workshop.streams.page(
            workshop.ada, execution.execution_id, after=after, limit=3
        )
        types += [event.type for event in events]
        if after is None:
            break
    assert types == await workshop.types(execution)


@pytest.mark.parametrize("cursor", ["", "x", "9" * 30, "-1", "MTIz"])
async def test_a_cursor_of_nobodys_is_refused_before_the_stream_begins(
    workshop: Workshop, execution: Execution, cursor: str
) -> None:
    asks: list[Any] = [
        workshop.streams.tail(workshop.ada, execution.execution_id, after=cursor),
        workshop.streams.page(workshop.ada, execution.execution_id, after=cursor, limit=1),
    ]
    for ask in asks:
        with pytest.raises(BadCursorError):
            await ask
