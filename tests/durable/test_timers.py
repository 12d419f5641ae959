"""The timer queue by itself, on a clock of its own."""

from durabletask.internal import orchestrator_service_pb2 as pb

from localhost.durable.model import Message
from localhost.durable.timers import HORIZON, TimerQueue
from tests.durable.conftest import until


class Rows:
    """Timers in a store, a clock, and what was delivered."""

    def __init__(self) -> None:
        self.now = 1_000_000_000
        self.messages: list[Message] = []
        self.delivered: list[int] = []
        self.loads = 0
        self.queue = TimerQueue(now=lambda: self.now, load=self.load, deliver=self.deliver)

    def load(self, after: int, until_: int) -> list[Message]:
        self.loads += 1
        return [m for m in self.messages if after < m.visible_at <= until_]

    def deliver(self, messages: list[Message]) -> None:
        self.delivered.extend(m.id for m in messages)

    def add(self, message_id: int, at: int) -> Message:
        message = Message(message_id, "i", "g", (pb.HistoryEvent(),), visible_at=at)
        self.messages.append(message)
        return message


async def test_what_is_due_at_the_start_is_delivered_at_once() -> None:
    rows = Rows()
    rows.add(1, rows.now - 1)
    rows.add(2, 0)
    rows.add(3, rows.now + 10_000_000)
    rows.queue.start()
    rows.queue.stop()
    assert sorted(rows.delivered) == [1, 2]


async def test_timers_fire_in_the_order_of_their_times_not_of_their_making() -> None:
    rows = Rows()
    rows.queue.start()
    rows.queue.add([rows.add(1, rows.now + 3000), rows.add(2, rows.now + 1000)])
    rows.now += 5000
    rows.queue.add([rows.add(3, rows.now)])
    assert rows.delivered == [2, 1, 3]
    rows.queue.stop()


async def test_a_timer_wakes_the_queue_by_itself() -> None:
    rows = Rows()
    rows.queue.start()
    rows.queue.add([rows.add(1, rows.now + 20_000)])
    rows.now += 30_000
    await until(lambda: rows.delivered == [1])
    rows.queue.stop()


async def test_a_far_timer_stays_in_the_store_until_its_hour_comes() -> None:
    rows = Rows()
    rows.queue.start()
    far = rows.add(1, rows.now + 400 * 24 * HORIZON)
    rows.queue.add([far])
    assert rows.queue._heap == []
    rows.now = far.visible_at - HORIZON // 4
    rows.queue._tick()
    assert len(rows.queue._heap) == 1
    rows.now = far.visible_at
    rows.queue._tick()
    assert rows.delivered == [1]
    rows.queue.stop()


async def test_a_timer_that_is_both_loaded_and_added_fires_once() -> None:
    rows = Rows()
    near = rows.add(1, rows.now + 1000)
    rows.queue.start()
    rows.queue.add([near])
    rows.now += 2000
    rows.queue._tick()
    assert rows.delivered == [1]
    rows.queue.stop()
