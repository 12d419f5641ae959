"""What becomes of a schedule's times: queued or skipped, made up or missed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ids import is_ulid, ulid_time
from shared.domain.schedules import (
    MAX_QUEUED,
    Firing,
    Firings,
    NewSchedule,
    Overlap,
    Schedule,
    arrived,
    begun,
    schedule_errors,
    timetable,
)
from shared.domain.times import parse_rfc3339, rfc3339

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HOURLY = NewSchedule("deploy", "@hourly")
OVERLAPS: list[Overlap] = ["skip", "queue", "allow"]


def at(hours: float) -> str:
    return rfc3339(NOON + timedelta(hours=hours))


def found(wanted: NewSchedule, *, since: float, hours: float, busy: bool = False, **state: Any) -> Firings:
    """Its state when it is looked at ``hours`` after noon, due since ``since``."""
    firings = Firings(next_at=at(since), **state)
    return arrived(wanted, firings, NOON + timedelta(hours=hours), busy=busy)


def test_nothing_arrives_before_its_time() -> None:
    firings = Firings(next_at=at(1))
    assert arrived(HOURLY, firings, NOON, busy=False) == firings


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_what_has_come_is_queued_and_the_next_time_is_told(overlap: Overlap) -> None:
    firings = found(replace(HOURLY, overlap=overlap), since=1, hours=1)
    assert (firings.queue, firings.next_at, firings.last_skip) == ((at(1),), at(2), None)


def test_of_missed_times_the_latest_is_made_up_by_default() -> None:
    firings = found(replace(HOURLY, overlap="allow"), since=1, hours=5.5)
    assert (firings.queue, firings.next_at) == ((at(5),), at(6))
    assert firings.last_skip == {"scheduled_at": at(4), "reason": "missed"}


def test_without_catching_up_what_was_missed_is_gone() -> None:
    firings = found(replace(HOURLY, catch_up=0), since=1, hours=5.5)
    assert (firings.queue, firings.next_at) == ((), at(6))
    assert firings.last_skip == {"scheduled_at": at(5), "reason": "missed"}


def test_what_is_on_time_is_never_counted_as_missed() -> None:
    wanted = replace(HOURLY, catch_up=0)
    assert found(wanted, since=1, hours=1 + 1 / 60).queue == (at(1),)
    assert found(wanted, since=1, hours=1 + 1.1 / 60).queue == ()


@pytest.mark.parametrize("overlap", ["queue", "allow"])
@given(catch_up=st.integers(0, 100), down=st.integers(1, 3000), late=st.integers(0, 3599))
def test_as_many_missed_times_are_made_up_as_the_schedule_says(
    overlap: Overlap, catch_up: int, down: int, late: int
) -> None:
    firings = found(replace(HOURLY, overlap=overlap, catch_up=catch_up), since=1, hours=down + late / 3600)
    on_time = late <= 60
    missed = down - on_time
    expected = min(missed, catch_up) + on_time
    assert firings.queue == tuple(at(down - number) for number in reversed(range(expected)))[:MAX_QUEUED]
    assert firings.next_at == at(down + 1)


def test_with_skip_a_time_during_the_last_execution_is_left_out() -> None:
    firings = found(HOURLY, since=1, hours=1, busy=True)
    assert (firings.queue, firings.next_at) == ((), at(2))
    assert firings.last_skip == {"scheduled_at": at(1), "reason": "overlap"}


def test_with_skip_the_latest_of_several_is_chosen() -> None:
    firings = found(replace(HOURLY, catch_up=3), since=1, hours=5.5)
    assert firings.queue == (at(5),)
    assert firings.last_skip == {"scheduled_at": at(4), "reason": "overlap"}


def test_with_skip_nothing_comes_beside_what_is_on_its_way() -> None:
    assert found(HOURLY, since=2, hours=2, queue=(at(1),)).queue == (at(1),)


def test_with_queue_times_wait_in_order() -> None:
    wanted = replace(HOURLY, overlap="queue")
    firings = found(wanted, since=2, hours=2, busy=True, queue=(at(1),))
    assert (firings.queue, firings.last_skip) == ((at(1), at(2)), None)


def test_what_finds_the_queue_full_is_skipped() -> None:
    waiting = tuple(at(-number) for number in range(MAX_QUEUED, 0, -1))
    firings = found(replace(HOURLY, overlap="queue"), since=1, hours=1, busy=True, queue=waiting)
    assert firings.queue == waiting
    assert firings.last_skip == {"scheduled_at": at(1), "reason": "queue_full"}


def test_start_and_end_are_the_first_and_the_last_time() -> None:
    wanted = replace(HOURLY, start=at(3), end=at(5))
    first = begun(wanted, None, NOON)
    assert first.next_at == at(3)
    assert timetable(wanted).after(NOON, 10) == [at(3), at(4), at(5)]
    last = arrived(wanted, replace(first, next_at=at(5)), NOON + timedelta(hours=5), busy=False)
    assert (last.queue, last.next_at) == ((at(5),), None)


def test_times_behind_the_end_are_not_made_up() -> None:
    firings = found(replace(HOURLY, end=at(2), overlap="allow", catch_up=9), since=1, hours=9.5)
    assert (firings.queue, firings.next_at) == ((at(1), at(2)), None)


def test_a_schedule_that_is_written_begins_with_the_next_time() -> None:
    assert begun(HOURLY, None, NOON).next_at == at(1)
    assert begun(replace(HOURLY, paused=True), None, NOON).next_at is None


def schedule(wanted: NewSchedule, firings: Firings, **more: Any) -> Schedule:
    return Schedule("nightly", wanted, firings, at(0), "ada@acme", at(0), "ada@acme", **more)


FAILED = {"scheduled_at": at(-1), "time": at(-1), "code": "FORBIDDEN", "message": "no"}


def test_a_change_of_anything_but_its_times_takes_nothing_from_what_is_due() -> None:
    state = Firings(at(-1), (at(-2),), last_error=FAILED)
    changed = begun(replace(HOURLY, parameters={"a": 1}, catch_up=3), schedule(HOURLY, state), NOON)
    assert changed == replace(state, last_error=None)


@pytest.mark.parametrize(
    "change", [{"cron": "30 * * * *"}, {"timezone": "Asia/Kathmandu"}, {"overlap": "queue"}, {"start": at(0)}]
)
def test_a_change_of_its_times_begins_anew(change: dict[str, Any]) -> None:
    state = Firings(at(-1), (at(-2),), last_skip={"scheduled_at": at(-3), "reason": "overlap"})
    changed = begun(replace(HOURLY, **change), schedule(HOURLY, state), NOON)
    assert changed.queue == ()
    assert changed.next_at is not None
    assert parse_rfc3339(changed.next_at) > NOON
    assert changed.last_skip == state.last_skip


def test_nothing_of_the_time_of_a_pause_is_made_up() -> None:
    paused = replace(HOURLY, paused=True)
    resting = begun(paused, schedule(HOURLY, Firings(at(-1), (at(-2),))), NOON)
    assert (resting.next_at, resting.queue) == (None, ())
    assert arrived(paused, resting, NOON + timedelta(days=1), busy=False) == resting
    again = begun(HOURLY, schedule(paused, resting), NOON + timedelta(hours=9.5))
    assert again.next_at == at(10)


def test_a_schedule_says_why_it_does_not_fire() -> None:
    on = Firings(next_at=at(1))
    assert schedule(HOURLY, on).standing == ("active", None)
    assert schedule(replace(HOURLY, paused=True), Firings()).standing[0] == "paused"
    assert schedule(HOURLY, Firings()).standing[0] == "ended"
    assert schedule(HOURLY, on, obstacle="it is archived").standing == ("blocked", "it is archived")
    assert schedule(HOURLY, replace(on, last_error=FAILED)).standing == ("failing", "no")


def test_the_etag_is_of_what_was_written_and_stays_while_it_fires() -> None:
    written = schedule(HOURLY, Firings(at(1)))
    assert written.etag == replace(written, firings=Firings(at(2)), upcoming=[at(2)]).etag
    assert written.etag != replace(written, wanted=replace(HOURLY, catch_up=2)).etag
    assert written.etag != replace(written, updated_at=at(1)).etag


def test_a_time_has_one_execution_id_which_sorts_by_the_time() -> None:
    firing = Firing("nightly", at(0))
    made = firing.execution_id("acme")
    assert is_ulid(made)
    assert ulid_time(made) == NOON
    assert made == Firing("nightly", at(0)).execution_id("acme")
    others = [Firing("nightly", at(1)), Firing("daily", at(0))]
    assert len({made, firing.execution_id("globex"), *(other.execution_id("acme") for other in others)}) == 4


def test_every_fault_of_a_schedule_is_named_at_once() -> None:
    wanted = NewSchedule(
        "deploy",
        "x",
        "y",
        catch_up=101,
        start="9000-01-01T00:00:00.000000Z",
        end="2026-01-01T00:00:00.000000Z",
        description="x" * 501,
    )
    assert [error.pointer for error in schedule_errors("Nightly!", wanted)] == [
        "/name",
        "/cron",
        "/timezone",
        "/start",
        "/end",
        "/catch_up",
        "/description",
    ]
