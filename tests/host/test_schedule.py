"""NCRONTAB and TimeSpan, as the timer trigger reads them."""

import re
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from localhost.triggers.schedule import ScheduleError, parse_schedule

START = datetime(2026, 1, 1, 0, 0, 0, tzinfo=UTC)  # a Thursday


def occurrences(text: str, count: int, start: datetime = START, zone: str = "UTC") -> list[str]:
    schedule = parse_schedule(text, ZoneInfo(zone))
    found = []
    moment = start
    for _ in range(count):
        following = schedule.after(moment)
        assert following is not None
        found.append(following.isoformat(sep=" "))
        moment = following
    return found


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("*/5 * * * * *", ["2026-01-01 00:00:05", "2026-01-01 00:00:10"]),
        ("0 */5 * * * *", ["2026-01-01 00:05:00", "2026-01-01 00:10:00"]),
        ("0 0 9-10 * * *", ["2026-01-01 09:00:00", "2026-01-01 10:00:00", "2026-01-02 09:00:00"]),
        ("0 30 9 * * 1-5", ["2026-01-01 09:30:00", "2026-01-02 09:30:00", "2026-01-05 09:30:00"]),
        ("0 30 9 * * Mon-Fri", ["2026-01-01 09:30:00", "2026-01-02 09:30:00", "2026-01-05 09:30:00"]),
        ("0 0 0 1 february *", ["2026-02-01 00:00:00", "2027-02-01 00:00:00"]),
        ("0 0 0 29 2 *", ["2028-02-29 00:00:00"]),
        ("10,20 0/30 * * * *", ["2026-01-01 00:00:10", "2026-01-01 00:00:20", "2026-01-01 00:30:10"]),
        ("*/20 * * * *", ["2026-01-01 00:20:00", "2026-01-01 00:40:00"]),
        ("0 0 10-8/2 * * *", ["2026-01-01 08:00:00", "2026-01-01 10:00:00", "2026-01-02 08:00:00"]),
    ],
)
def test_an_expression_fires_when_it_says(text: str, times: list[str]) -> None:
    assert occurrences(text, len(times)) == [f"{time}+00:00" for time in times]


def test_day_of_month_and_day_of_week_must_both_match() -> None:
    assert occurrences("0 0 0 13 * Fri", 3) == [
        "2026-02-13 00:00:00+00:00",
        "2026-03-13 00:00:00+00:00",
        "2026-11-13 00:00:00+00:00",
    ]


def test_a_zone_moves_the_hours_and_its_clock_changes_are_kept() -> None:
    before_summer = datetime(2026, 3, 28, 12, tzinfo=UTC)

    times = occurrences("0 0 9 * * *", 2, before_summer, "Europe/Berlin")

    assert times == ["2026-03-29 09:00:00+02:00", "2026-03-30 09:00:00+02:00"]


def test_a_day_that_never_comes_has_no_occurrence() -> None:
    assert parse_schedule("0 0 0 30 2 *", UTC).after(START) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:00:30", 30), ("01:00:00", 3600), ("1.02:00:00", 93_600), ("24:00:00", 24 * 86_400)],
)
def test_a_time_span_fires_at_that_distance(text: str, seconds: float) -> None:
    moments = [START, *(datetime.fromisoformat(time) for time in occurrences(text, 2))]

    assert [(later - earlier).total_seconds() for earlier, later in pairwise(moments)] == [seconds, seconds]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "0 fields"),
        ("* * *", "3 fields"),
        ("* * * * * * *", "7 fields"),
        ("60 * * * * *", "60 is not in 0-59, the range of the second field"),
        ("0 0 24 * * *", "range of the hour field"),
        ("0 0 0 0 * *", "range of the day field"),
        ("0 0 0 * * 7", "range of the day of week field"),
        ("0 0 0 * 13 *", "range of the month field"),
        ("0 */0 * * * *", "a step that is not a number above zero"),
        ("0 0 0 L * *", "'L' has no meaning in the day field"),
        ("0 0 0 ? * *", "'?' has no meaning"),
        ("0 0 0 * * Mon#2", "'Mon#2' has no meaning"),
        ("@daily", "1 fields"),
        ("00:00:00", "not a TimeSpan above zero"),
        ("00:61:00", "not a TimeSpan"),
    ],
)
def test_what_the_trigger_would_not_accept_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ScheduleError, match=re.escape(reason)):
        parse_schedule(text, UTC)
