"""Schedules of timer triggers: NCRONTAB with five or six fields, and TimeSpan.

NCRONTAB differs from cron: the first of six fields is seconds, Sunday is 0 and 7 does not exist, and day of
month and day of week must BOTH match. Source: Azure Functions documentation, "Timer trigger", NCRONTAB
expressions, and the grammar of atifaziz/NCrontab.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Protocol

_FIRST_HALF = ("january", "february", "march", "april", "may", "june")
_MONTHS = (*_FIRST_HALF, "july", "august", "september", "october", "november", "december")
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 6, _DAYS),
)
_TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d+):(\d{1,2}):(\d{1,2})\Z")


class ScheduleError(ValueError):
    """A schedule that the timer trigger would not accept; the text says why."""


class Schedule(Protocol):
    """When a timer fires."""

    def after(self, moment: datetime) -> datetime | None:
        """The first occurrence later than ``moment`` (aware, and so is the result); None if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Interval:
    """A TimeSpan: fires each time that long has passed."""

    every: timedelta

    def after(self, moment: datetime) -> datetime | None:
        return moment + self.every


@dataclass(frozen=True, slots=True)
class Cron:
    """An NCRONTAB expression, in ``zone``; every field is an explicit list of numbers."""

    expression: str
    zone: tzinfo

    def after(self, moment: datetime) -> datetime | None:
        from croniter import CroniterBadDateError, croniter  # 50 ms that apps without timers spare

        start = moment.astimezone(self.zone)
        try:
            times = croniter(self.expression, start, day_or=False, second_at_beginning=True)
            found: datetime = times.get_next(datetime)
        except CroniterBadDateError:
            return None
        return found


def parse_schedule(text: str, zone: tzinfo) -> Schedule:
    """Parse the ``schedule`` of a timer trigger; NCRONTAB is read in ``zone``.

    Raises:
        ScheduleError: it is neither NCRONTAB nor a TimeSpan, or never fires.
    """
    stripped = text.strip()
    if ":" in stripped:
        return Interval(_time_span(stripped))
    fields = stripped.split()
    if len(fields) not in {5, 6}:
        raise ScheduleError(
            f"{text!r} has {len(fields)} fields; NCRONTAB has six, seconds first (or five without)"
        )
    if len(fields) == 5:
        fields = ["0", *fields]
    numbers = [_field(value, *bounds) for value, bounds in zip(fields, _FIELDS, strict=True)]
    return Cron(" ".join(",".join(map(str, sorted(values))) for values in numbers), zone)


def _time_span(text: str) -> timedelta:
    """A .NET TimeSpan: ``[d.]hh:mm:ss``; without days, a first number above 23 is days (``24:00:00``)."""
    found = _TIME_SPAN.match(text)
    if found is None:
        raise ScheduleError(f"{text!r} is not a TimeSpan (hh:mm:ss)")
    days, first, second, third = (int(part or 0) for part in found.groups())
    if found[1] is None and first > 23:
        span = timedelta(days=first, hours=second, minutes=third)
        valid = second < 24 and third < 60
    else:
        span = timedelta(days=days, hours=first, minutes=second, seconds=third)
        valid = first < 24 and second < 60 and third < 60
    if not valid or not span:
        raise ScheduleError(f"{text!r} is not a TimeSpan above zero (hh:mm:ss)")
    return span


def _field(text: str, name: str, low: int, high: int, words: tuple[str, ...]) -> set[int]:
    values: set[int] = set()
    for item in text.split(","):
        body, slash, step_text = item.partition("/")
        if slash and (not step_text.isdecimal() or int(step_text) == 0):
            raise ScheduleError(f"{item!r} in the {name} field has a step that is not a number above zero")
        start, dash, end = body.partition("-")
        if body == "*":
            first, last = low, high
        elif dash:
            first, last = sorted(
                (_number(start, name, low, high, words), _number(end, name, low, high, words))
            )
        else:
            first = _number(body, name, low, high, words)
            last = high if slash else first
        values.update(range(first, last + 1, int(step_text or 1)))
    return values


def _number(text: str, name: str, low: int, high: int, words: tuple[str, ...]) -> int:
    if text.isdecimal():
        value = int(text)
        if low <= value <= high:
            return value
        raise ScheduleError(f"{text} is not in {low}-{high}, the range of the {name} field")
    for index, word in enumerate(words):
        if text and word.startswith(text.lower()):
            return index + low
    raise ScheduleError(f"{text!r} has no meaning in the {name} field")
