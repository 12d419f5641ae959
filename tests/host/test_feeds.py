"""Change-feed and Event Hub triggers over a source in memory."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from localhost.app.functions import RetryPolicy
from localhost.triggers.consumers import Feed, Feeds, backoff
from localhost.triggers.deliveries import decode_input
from localhost.triggers.feeds import Batch, Event
from localhost.triggers.state import StateFile
from tests.host.clock import ManualClock, settle
from tests.host.functions import make_function

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class MemorySource[T]:
    """Partitions of lists; a reader that has seen everything waits on the clock for more."""

    def __init__(self, clock: ManualClock, **partitions: list[T]) -> None:
        self._clock = clock
        self.items = partitions
        self.failures = 0

    async def partitions(self) -> Sequence[str]:
        return list(self.items)

    async def latest(self, partition: str) -> str:
        return str(len(self.items[partition]))

    async def read(self, partition: str, *, after: str | None, limit: int) -> AsyncGenerator[Batch[T]]:
        position = int(after or 0)
        while True:
            if self.failures:
                self.failures -= 1
                raise OSError("the log cannot be read")
            found = self.items[partition][position : position + limit]
            if found:
                position += len(found)
                yield Batch(found, str(position))
            else:
                await self._clock.sleep(1)


class Consumer:
    """A function that keeps what it was given; it can be made to fail."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.failures = 0

    async def take(self, value: Any) -> None:
        if self.failures:
            self.failures -= 1
            raise ValueError("not now")
        self.calls.append(value)


class Bench:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(NOON)
        self.consumer = Consumer()
        self._folder = folder
        self._feeds = Feeds(())

    async def start(
        self,
        trigger: str,
        source: MemorySource[Any],
        *,
        limit: int = 2,
        retry: RetryPolicy | None = None,
        parameter_type: Any = None,
        **properties: Any,
    ) -> None:
        function = make_function(
            trigger, self.consumer.take, retry=retry, parameter_type=parameter_type, **properties
        )
        state = StateFile(self._folder / "feeds.json")
        self._feeds = Feeds([Feed(function, self.consumer.take, source, state, self.clock, limit)])
        self._feeds.start()
        await settle()

    async def stop(self) -> None:
        await self._feeds.stop()

    def ids(self) -> list[list[str]]:
        return [[document["id"] for document in call] for call in self.consumer.calls]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    await bench.stop()


def documents(*ids: str) -> list[dict[str, str]]:
    return [{"id": one} for one in ids]


def event(number: int, body: bytes = b"{}") -> Event:
    return Event(body, number, str(number * 10), NOON, f"key-{number}", {"type": "com.quantum.x"})


async def test_documents_arrive_in_order_in_batches_of_the_limit(bench: Bench) -> None:
    source = MemorySource(bench.clock, p=documents("a", "b", "c"))

    await bench.start("cosmosDBTrigger", source, startFromBeginning=True)
    source.items["p"] += documents("d")
    await bench.clock.advance(seconds=1)

    assert bench.ids() == [["a", "b"], ["c"], ["d"]]
    assert isinstance(bench.consumer.calls[0], func.DocumentList)
    assert bench.consumer.calls[0][0].to_dict() == {"id": "a"}


async def test_the_trigger_says_how_many_at_most(bench: Bench) -> None:
    source = MemorySource(bench.clock, p=documents("a", "b", "c"))

    await bench.start("cosmosDBTrigger", source, startFromBeginning=True, maxItemsPerInvocation=1)

    assert bench.ids() == [["a"], ["b"], ["c"]]


async def test_a_change_feed_starts_with_what_comes_next_unless_told_otherwise(bench: Bench) -> None:
    source = MemorySource(bench.clock, p=documents("old"))

    await bench.start("cosmosDBTrigger", source)
    source.items["p"] += documents("new")
    await bench.clock.advance(seconds=1)

    assert bench.ids() == [["new"]]


async def test_a_change_feed_read_to_its_end_is_left_alone_as_long_as_its_trigger_says(bench: Bench) -> None:
    source = MemorySource(bench.clock, p=documents("a", "b", "c"))

    await bench.start("cosmosDBTrigger", source, startFromBeginning=True, feedPollDelay=5000)
    assert bench.ids() == [["a", "b"], ["c"]]
    source.items["p"] += documents("d", "e")
    await bench.clock.advance(seconds=4.9)
    assert bench.ids() == [["a", "b"], ["c"]]
    await bench.clock.advance(seconds=0.2)

    assert bench.ids() == [["a", "b"], ["c"], ["d", "e"]]


async def test_after_a_restart_a_feed_goes_on_where_it_stood(bench: Bench) -> None:
    source = MemorySource(bench.clock, p=documents("a"))
    await bench.start("cosmosDBTrigger", source, startFromBeginning=True)
    await bench.stop()
    source.items["p"] += documents("b")

    await bench.start("cosmosDBTrigger", source, startFromBeginning=True)

    assert bench.ids() == [["a"], ["b"]]


async def test_a_failing_batch_is_tried_again_with_growing_delays_and_never_skipped(bench: Bench) -> None:
    source = MemorySource(bench.clock, p=documents("a", "b", "c"))
    bench.consumer.failures = 6

    await bench.start("cosmosDBTrigger", source, startFromBeginning=True)
    await bench.clock.advance(seconds=0.1 + 0.2 + 0.4 + 0.8 + 1.6 + 3.1)
    assert bench.ids() == []
    await bench.clock.advance(seconds=0.2)

    assert bench.ids() == [["a", "b"], ["c"]]


async def test_the_retry_policy_sets_the_first_delays(bench: Bench) -> None:
    source = MemorySource(bench.clock, p=documents("a"))
    bench.consumer.failures = 3
    policy = RetryPolicy(max_retries=2, first_delay=timedelta(seconds=60), max_delay=timedelta(seconds=60))

    await bench.start("cosmosDBTrigger", source, retry=policy, startFromBeginning=True)
    await bench.clock.advance(seconds=120)
    assert bench.ids() == []
    await bench.clock.advance(seconds=backoff(2))

    assert bench.ids() == [["a"]]


async def test_a_batch_that_was_not_finished_comes_again(bench: Bench) -> None:
    source = MemorySource(bench.clock, p=documents("a"))
    bench.consumer.failures = 1000
    await bench.start("cosmosDBTrigger", source, startFromBeginning=True)
    await bench.stop()
    bench.consumer.failures = 0

    await bench.start("cosmosDBTrigger", source, startFromBeginning=True)

    assert bench.ids() == [["a"]]


async def test_a_source_that_fails_is_read_again(bench: Bench) -> None:
    source = MemorySource(bench.clock, p=documents("a"))
    source.failures = 2

    await bench.start("cosmosDBTrigger", source, startFromBeginning=True)
    await bench.clock.advance(seconds=1)

    assert bench.ids() == [["a"]]


async def test_events_arrive_as_a_list_with_their_metadata(bench: Bench) -> None:
    source = MemorySource(bench.clock, p=[event(1, b"one"), event(2, b"two")])

    await bench.start("eventHubTrigger", source)

    (call,) = bench.consumer.calls
    assert [one.get_body() for one in call] == [b"one", b"two"]
    first = call[0]
    assert (first.sequence_number, first.offset, first.partition_key) == (1, "10", "key-1")
    assert first.enqueued_time == NOON
    assert first.metadata["PartitionContext"] == {"PartitionId": "p"}
    assert first.metadata["PropertiesArray"] == [{"type": "com.quantum.x"}] * 2


async def test_with_cardinality_one_each_event_is_a_call(bench: Bench) -> None:
    source = MemorySource(bench.clock, p=[event(1, b"one"), event(2, b"two")])

    await bench.start("eventHubTrigger", source, cardinality="one")

    assert [one.get_body() for one in bench.consumer.calls] == [b"one", b"two"]
    assert bench.consumer.calls[0].metadata["Properties"] == {"type": "com.quantum.x"}


@pytest.mark.parametrize(("wanted", "value"), [(str, "one"), (bytes, b"one")])
async def test_an_event_can_be_taken_as_its_body(bench: Bench, wanted: type, value: object) -> None:
    source = MemorySource(bench.clock, p=[event(1, b"one")])

    await bench.start("eventHubTrigger", source, cardinality="one", parameter_type=wanted)

    assert bench.consumer.calls == [value]


async def test_partitions_are_read_side_by_side(bench: Bench) -> None:
    source = MemorySource(bench.clock, p=[event(1)], q=[event(2)])

    await bench.start("eventHubTrigger", source)

    assert sorted(call[0].sequence_number for call in bench.consumer.calls) == [1, 2]


async def test_documents_can_be_taken_as_json_text(bench: Bench) -> None:
    source = MemorySource(bench.clock, p=documents("a"))

    await bench.start("cosmosDBTrigger", source, startFromBeginning=True, parameter_type=str)

    assert [json.loads(call) for call in bench.consumer.calls] == [[{"id": "a"}]]


def test_the_input_of_a_run_by_hand_is_documents_or_one_event() -> None:
    changes = make_function("cosmosDBTrigger", Consumer().take)
    events = make_function("eventHubTrigger", Consumer().take)

    assert decode_input(changes, '{"id": "a"}') == [{"id": "a"}]
    assert [one.body for one in decode_input(events, "text")] == [b"text"]
