"""Random faults, many publishers: nothing that was acknowledged is lost, and the order of a key holds."""

import asyncio
import gc
import random
from collections import Counter

import pytest

from shared.adapters.eventhubs.events import EventHubsEvents
from shared.domain.errors import UnavailableError
from shared.ports.events import CloudEvent
from tests.eventhubs.conftest import Stand, event, standing
from tests.eventhubs.peer import Fault

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

KEYS = ("acme/1", "acme/2", "globex/1")
CALLS = 4
PER_CALL = 3

SLOW = {Fault.BUSY, Fault.RELEASED, Fault.SILENT_BUT_STORED}
"""Faults that are waited out by the second; the other tests have them."""


async def publish_until_taken(events: EventHubsEvents, batch: list[CloudEvent]) -> int:
    """As the relay does; returns how often the hub was unavailable."""
    failures = 0
    while True:
        try:
            await events.publish(batch)
        except UnavailableError:
            failures += 1
        else:
            return failures


async def test_whatever_happens_each_key_comes_out_whole_and_in_order() -> None:
    await asyncio.gather(*map(run_schedule, range(4)))
    gc.collect()


async def run_schedule(seed: int) -> None:
    chance = random.Random(seed)
    quick = [fault for fault in Fault if fault not in SLOW]
    async with standing() as stand:
        stand.peer.faults.extend(chance.choice([None, *quick]) for _ in range(7))
        events = stand.publisher(lanes=2, patience=12.0)
        failures: Counter[str] = Counter()

        async def relay(key: str) -> None:
            for call in range(CALLS):
                batch = [event(f"{key} {call}.{n}", key) for n in range(PER_CALL)]
                failures[key] += await publish_until_taken(events, batch)

        await asyncio.gather(*map(relay, KEYS))
        for key in KEYS:
            check(stand, key, failures[key], f"{key} of schedule {seed}")


def check(stand: Stand, key: str, failures: int, where: str) -> None:
    """All of a key is there in order, and no more repeats than failures account for."""
    stored = stand.ids(key)
    published = [f"{key} {call}.{n}" for call in range(CALLS) for n in range(PER_CALL)]
    assert list(dict.fromkeys(stored)) == published, where
    unsure = sum(d.fault is not None and any(e.key == key for e in d.events) for d in stand.peer.deliveries)
    assert len(stored) - len(published) <= PER_CALL * (unsure + failures), where


async def test_without_a_fault_nothing_comes_twice(stand: Stand) -> None:
    events = stand.publisher(lanes=3)
    for n in range(20):
        await events.publish([event(f"{key} {n}", key) for key in KEYS])
    for key in KEYS:
        assert stand.ids(key) == [f"{key} {n}" for n in range(20)]
