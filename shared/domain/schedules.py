"""Schedules: when an intent is executed by itself, and what becomes of each of its times.

A time that has come is an *arrival*. It goes to the schedule's queue, from where its execution is started,
or it is skipped. The queue is stored before anything is started and the start is stored after it, so that
whoever goes on after a death starts what is in the queue, each under the id it always has.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice, takewhile
from typing import Any, ClassVar, Final, Literal

from shared.domain.canonical import content_hash
from shared.domain.cron import LAST_YEAR, Cron, parse_cron
from shared.domain.errors import FieldError, ValidationFailedError
from shared.domain.ids import RANDOM_BYTES, ulid
from shared.domain.kept_names import kept_name_errors
from shared.domain.times import parse_rfc3339, rfc3339

type Overlap = Literal["skip", "queue", "allow"]
type SkipReason = Literal["missed", "overlap", "queue_full"]
type ScheduleStatus = Literal["active", "paused", "ended", "blocked", "failing"]

LATE: Final = timedelta(minutes=1)
"""A time that is found later than this was missed: how often it is made up is the schedule's to say."""
MAX_CATCH_UP: Final = 100
MAX_QUEUED: Final = 100
"""Most times that wait for an execution to end; what comes then is skipped."""
MAX_DESCRIPTION: Final = 500
SHOWN: Final = 5
"""How many of the times to come are told."""

_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class NewSchedule:
    """A schedule as its owner wants it. ``intent`` is a name (its active version) or an id (that version).

    ``catch_up`` is how many missed times are made up, the latest ones. ``start`` and ``end`` are included.
    """

    intent: str
    cron: str
    timezone: str = "UTC"
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    overlap: Overlap = "skip"
    catch_up: int = 1
    paused: bool = False
    start: str | None = None
    end: str | None = None
    description: str = ""

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def timing(self) -> tuple[Any, ...]:
        """What decides when it fires: with another, what was waiting is given up."""
        return (self.cron, self.timezone, self.start, self.end, self.overlap, self.paused)


@dataclass(frozen=True, slots=True)
class Firings:
    """How far a schedule has come. Times are RFC 3339.

    Attributes:
        next_at: the first time that has not arrived yet; None: there is none to come.
        queue: the times that have arrived and wait for their start, in order.
        last_execution: ``{"scheduled_at", "execution_id", "started_at"}``.
        last_skip: ``{"scheduled_at", "reason"}``.
        last_error: why the last start failed, ``{"scheduled_at", "time", "code", "message"}``.
    """

    next_at: str | None = None
    queue: tuple[str, ...] = ()
    last_execution: Mapping[str, str] | None = None
    last_skip: Mapping[str, str] | None = None
    last_error: Mapping[str, str] | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Firings":
        return cls(**{**value, "queue": tuple(value["queue"])})

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__} | {"queue": list(self.queue)}

    def skipping(self, scheduled_at: str, reason: SkipReason) -> "Firings":
        return replace(self, last_skip={"scheduled_at": scheduled_at, "reason": reason})


@dataclass(frozen=True, slots=True)
class Schedule:
    """``updated_by`` is in whose name it executes: who wrote last what is executed.

    ``obstacle`` is why its intent cannot be executed, ``upcoming`` the times to come, where it was looked.
    """

    name: str
    wanted: NewSchedule
    firings: Firings
    created_at: str
    created_by: str
    updated_at: str
    updated_by: str
    obstacle: str | None = None
    upcoming: Sequence[str] = ()

    @property
    def etag(self) -> str:
        """Of what its owner has written: it stays while the schedule fires."""
        said = [self.wanted.to_json(), self.created_at, self.updated_at, self.updated_by]
        return content_hash(said).removeprefix("sha256:")[:32]

    @property
    def standing(self) -> tuple[ScheduleStatus, str | None]:
        """Whether it fires, and if it does not, why and what to do."""
        if self.wanted.paused:
            return "paused", "It is paused: put it with paused false, and it fires again"
        if self.firings.next_at is None and not self.firings.queue:
            return "ended", "It has no more times: put it with a later end, or none"
        if self.obstacle is not None:
            return "blocked", self.obstacle
        if self.firings.last_error is not None:
            return "failing", self.firings.last_error["message"]
        return "active", None


@dataclass(frozen=True, slots=True)
class Firing:
    """One time of a schedule, on its way to an execution."""

    schedule: str
    scheduled_at: str
    remedy: ClassVar[str] = "; a member who puts the schedule again takes it over"
    """What to do when the member in whose name it fires is one no more."""

    def actor(self, tenant_id: str) -> str:
        """What audit records name as who executes."""
        return f"schedule:{self.schedule}@{tenant_id}"

    def execution_id(self, tenant_id: str) -> str:
        """The id of its one execution: whoever starts it again meets that."""
        said = f"{tenant_id}\0{self.schedule}\0{self.scheduled_at}".encode()
        return ulid(parse_rfc3339(self.scheduled_at), hashlib.sha256(said).digest()[:RANDOM_BYTES])

    def to_json(self) -> dict[str, str]:
        return {"name": self.schedule, "scheduled_at": self.scheduled_at}


@dataclass(frozen=True, slots=True)
class Timetable:
    """A schedule's times: those of its cron expression from its start to its end."""

    cron: Cron
    start: datetime | None
    end: datetime | None

    def after(self, moment: datetime, count: int = 1) -> list[str]:
        """The first ``count`` times behind ``moment``."""
        behind = max(moment, self.start - _TICK) if self.start else moment
        times = takewhile(lambda time: self.end is None or time <= self.end, self.cron.after(behind))
        return [rfc3339(time) for time in islice(times, count)]

    def until(self, moment: datetime, *, since: datetime, count: int) -> list[str]:
        """The last ``count`` times from ``since`` to ``moment``, both included."""
        last = min(moment, self.end) if self.end else moment
        return [rfc3339(time) for time in self.cron.until(last, since=since, count=count)]


def timetable(wanted: NewSchedule) -> Timetable:
    """When it fires.

    Raises:
        ValidationFailedError: its expression or zone has no meaning (any more).
    """
    cron = _cron(wanted.cron, wanted.timezone)
    if isinstance(cron, list):
        raise ValidationFailedError(errors=cron)
    start, end = (parse_rfc3339(time) if time else None for time in (wanted.start, wanted.end))
    return Timetable(cron, start, end)


@lru_cache(1024)
def _cron(expression: str, zone: str) -> Cron | list[FieldError]:
    return parse_cron(expression, zone)


def schedule_errors(name: str, wanted: NewSchedule) -> list[FieldError]:
    """Everything that is wrong with it, but its intent and parameters."""
    errors = [*kept_name_errors(name), *time_errors(wanted)]
    if not 0 <= wanted.catch_up <= MAX_CATCH_UP:
        errors.append(FieldError("/catch_up", "RANGE", f"from 0 to {MAX_CATCH_UP} missed times are made up"))
    if len(wanted.description) > MAX_DESCRIPTION:
        errors.append(FieldError("/description", "TOO_LONG", f"at most {MAX_DESCRIPTION} characters"))
    return errors


def time_errors(wanted: NewSchedule) -> list[FieldError]:
    """Everything that is wrong with when it fires."""
    cron = _cron(wanted.cron, wanted.timezone)
    errors = list(cron) if isinstance(cron, list) else []
    for place, time in (("/start", wanted.start), ("/end", wanted.end)):
        if time and parse_rfc3339(time).year > LAST_YEAR:
            errors.append(FieldError(place, "RANGE", f"no schedule goes beyond the year {LAST_YEAR}"))
    if wanted.start and wanted.end and wanted.end < wanted.start:
        errors.append(FieldError("/end", "RANGE", "the end is before the start"))
    return errors


def begun(wanted: NewSchedule, before: Schedule | None, now: datetime) -> Firings:
    """Where a schedule stands that was just written: on its way as before, if its times are the same."""
    if before is not None and before.wanted.timing == wanted.timing:
        return replace(before.firings, last_error=None)
    first = [] if wanted.paused else timetable(wanted).after(now)
    kept = replace(before.firings, last_error=None) if before else Firings()
    return replace(kept, next_at=first[0] if first else None, queue=())


def arrived(wanted: NewSchedule, firings: Firings, now: datetime, *, busy: bool) -> Firings:
    """Take what has come by ``now`` to the queue, or skip it; ``busy``: its last execution goes on."""
    if wanted.paused or firings.next_at is None or (since := parse_rfc3339(firings.next_at)) > now:
        return firings
    times = timetable(wanted)
    following = times.after(now)
    firings = replace(firings, next_at=following[0] if following else None)
    missed = times.until(now - LATE - _TICK, since=since, count=wanted.catch_up + 1)
    if len(missed) > wanted.catch_up:
        firings = firings.skipping(missed.pop(0), "missed")
    arrivals = [*missed, *times.until(now, since=max(since, now - LATE), count=MAX_QUEUED)]
    return _queued(wanted.overlap, firings, arrivals, busy=busy)


def _queued(overlap: Overlap, firings: Firings, arrivals: list[str], *, busy: bool) -> Firings:
    if overlap == "skip":
        # Of those that come at once the latest is executed, as it would have been if none had been missed.
        chosen = arrivals[-1:] if not (busy or firings.queue) else []
        others = arrivals[: len(arrivals) - len(chosen)]
        firings = replace(firings, queue=firings.queue + tuple(chosen))
        return firings.skipping(others[-1], "overlap") if others else firings
    queue = firings.queue + tuple(arrivals)
    firings = replace(firings, queue=queue[:MAX_QUEUED])
    return firings.skipping(queue[-1], "queue_full") if len(queue) > MAX_QUEUED else firings
