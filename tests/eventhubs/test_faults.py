"""What goes wrong between the adapter and the hub, one thing at a time."""

import asyncio
import gc
from collections.abc import Callable

import pytest

from shared.domain.causes import MISSING, REFUSED, THROTTLED, UNREACHABLE
from shared.domain.errors import TooLargeError, UnavailableError
from tests.eventhubs.conftest import Stand, event, standing
from tests.eventhubs.peer import Fault

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

QUICK = 12.0
"""Seconds of patience where an attempt has to run out of time."""

PATIENT = 60.0


async def until(condition: Callable[[], object]) -> None:
    """Wait for what the peer is to see."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the peer has no event for it
            await asyncio.sleep(0.01)


async def test_every_fault_is_overcome_within_the_call() -> None:
    async def meet(fault: Fault) -> None:
        async with standing() as stand:
            unanswered = fault in {Fault.RELEASED, Fault.SILENT_BUT_STORED}
            events = stand.publisher(patience=QUICK if unanswered else PATIENT)
            await events.publish([event("1")])
            stand.peer.faults.append(fault)
            await events.publish([event("2"), event("3")])
            await events.publish([event("4")])
            repeated = ["2", "3"] if fault.name.endswith("STORED") else []
            assert stand.ids() == ["1", "2", "3", *repeated, "4"], fault

    await asyncio.gather(*map(meet, Fault))
    gc.collect()


async def test_a_refusal_is_tried_again_more_often_than_the_sdk_does(stand: Stand) -> None:
    stand.peer.faults.extend([Fault.REFUSED] * 7)
    await stand.publisher().publish([event("1")])
    assert stand.ids() == ["1"]
    assert len(stand.peer.deliveries) == 8
    assert stand.peer.opened <= 2, (
        "a refusal is no reason to connect again; the SDK asks for the partitions once"
    )


async def test_a_connection_that_breaks_in_the_middle_of_a_batch_loses_nothing(stand: Stand) -> None:
    stand.peer.faults.extend([None, Fault.DROPPED])
    sent = [event(str(n), text="x" * 50_000) for n in range(60)]
    await stand.publisher().publish(sent)
    assert stand.ids() == [each.id for each in sent]
    assert [delivery.fault for delivery in stand.peer.deliveries][:2] == [None, Fault.DROPPED]


async def test_a_hub_that_throttles_on_is_left_alone_and_published_to_again_later(stand: Stand) -> None:
    events = stand.publisher(patience=3.0)
    stand.peer.faults.extend([Fault.BUSY, Fault.BUSY])
    with pytest.raises(UnavailableError, match="server-busy") as busy:
        await events.publish([event("1")])
    assert busy.value.retry_after >= 4
    assert busy.value.cause is THROTTLED
    await events.publish([event("1")])
    assert stand.ids() == ["1"]


async def test_nothing_behind_a_batch_that_failed_is_sent(stand: Stand) -> None:
    stand.peer.faults.extend([None, Fault.BUSY, Fault.BUSY])
    sent = [event(str(n), text="x" * 400_000) for n in range(6)]
    events = stand.publisher(patience=3.0)
    with pytest.raises(UnavailableError):
        await events.publish(sent)
    assert stand.ids() == ["0", "1"]
    await events.publish(sent)
    assert stand.ids() == ["0", "1", "0", "1", "2", "3", "4", "5"]


async def test_a_hub_that_is_down_is_unavailable_and_caught_up_with_later(stand: Stand) -> None:
    events = stand.publisher(patience=1.0)
    await stand.peer.stop()
    with pytest.raises(UnavailableError, match="publish them again"):
        await events.publish([event("1")])
    with pytest.raises(UnavailableError) as raised:
        await events.check()
    assert raised.value.cause is UNREACHABLE
    await stand.peer.start()
    later = stand.publisher()
    await later.check()
    await later.publish([event("1")])
    assert stand.ids() == ["1"]


async def test_a_hub_that_comes_back_within_the_call_is_published_to(stand: Stand) -> None:
    events = stand.publisher()
    await events.publish([event("1")])
    await stand.peer.stop()
    publishing = asyncio.create_task(events.publish([event("2")]))
    await stand.peer.start()
    await publishing
    assert stand.ids() == ["1", "2"]


async def test_a_wrong_key_is_said_at_once(stand: Stand) -> None:
    with pytest.raises(UnavailableError, match="InvalidSignature") as refused:
        await stand.publisher(connection=stand.peer.connection_string(key="d3Jvbmc=")).check()
    assert refused.value.retry_after >= 30
    assert refused.value.cause is REFUSED


async def test_an_unknown_hub_is_said_at_once(stand: Stand) -> None:
    with pytest.raises(UnavailableError, match="'elsewhere' cannot take events") as refused:
        await stand.publisher(hub="elsewhere").publish([event("1")])
    assert refused.value.retry_after >= 30
    assert refused.value.cause is MISSING


async def test_a_hub_with_a_lower_limit_names_what_is_over_it_before_anything_is_sent() -> None:
    async with standing(max_message_size=2_000) as small:
        events, large = small.publisher(lanes=4), "x" * 3_000
        with pytest.raises(TooLargeError) as refused:
            await events.publish([event("1"), *(event("2", f"acme/{n}", text=large) for n in range(4))])
        assert [error.pointer for error in refused.value.errors] == ["/1", "/2", "/3", "/4"]
        await events.publish([event("1"), event("3", text="x" * 1_000), event("4", text="x" * 1_000)])
        assert small.ids() == ["1", "3", "4"]


async def test_a_slow_hub_holds_its_publishers_back(stand: Stand) -> None:
    events = stand.publisher(lanes=2)
    await asyncio.gather(*(events.publish([event(key, key)]) for key in "abcdef"))
    stand.peer.gate.clear()
    publishing = [asyncio.create_task(events.publish([event("x", key)])) for key in "abcdef"]
    await until(lambda: stand.peer.held >= 2)
    assert len(stand.peer.deliveries) == 6
    assert not any(task.done() for task in publishing)
    stand.peer.gate.set()
    await asyncio.gather(*publishing)
    assert [stand.ids(key) for key in "abcdef"] == [[key, "x"] for key in "abcdef"]


async def test_a_call_that_its_caller_gives_up_leaves_the_next_one_alone(stand: Stand) -> None:
    events = stand.publisher()
    await events.publish([event("1")])
    stand.peer.gate.clear()
    given_up = asyncio.create_task(events.publish([event("2")]))
    await until(lambda: stand.peer.held)
    given_up.cancel()
    stand.peer.gate.set()
    await events.publish([event("3")])
    assert [each for each in stand.ids() if each != "2"] == ["1", "3"]


async def test_a_closed_publisher_is_unavailable(stand: Stand) -> None:
    events = stand.publisher()
    await events.publish([event("1")])
    await events.close()
    with pytest.raises(UnavailableError):
        await events.publish([event("2")])
    assert stand.ids() == ["1"]
