"""Cron expressions in a time zone: when they fire.

Five fields (minute, hour, day of month, month, day of week) or a nickname, as Debian's cron has them, and
``L``, ``LW`` and ``#`` beside. Where clocks are changed:

- who names hours (``30 2 * * *``, ``*/15 2-4 * * *``) means those hours once a day: a time that the change
  leaves out fires at its end, one that comes twice fires the first time;
- who names none (``*/15 * * * *``) means each hour that passes: nothing is left out, and an hour that comes
  twice has its firings twice.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

from shared.domain.errors import FieldError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

MAX_EXPRESSION: Final = 256
NICKNAMES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""What crontab(5) has, but ``@reboot``."""
LAST_YEAR: Final = 2200
"""Nothing fires behind it."""

_FIELDS: Final = re.compile(r"\S+(?: +\S+){4}")
_EXAMPLE: Final = "write five fields (minute, hour, day of month, month, day of week), as in '30 2 * * 1-5'"
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression that was checked, and the zone it is read in."""

    expression: str
    zone: "ZoneInfo"

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The times it fires at, in UTC: all behind ``moment``, each later than the one before."""
        from cronsim import CronSim

        last = moment
        for local in CronSim(self.expression, moment.astimezone(self.zone)):
            found = local.astimezone(UTC)
            if found.year > LAST_YEAR:
                return
            if found > last:  # in the second of two equal hours, the library begins with the first
                yield found
                last = found

    def until(self, moment: datetime, *, since: datetime, count: int) -> list[datetime]:
        """The last ``count`` times from ``since`` on that are not behind ``moment``, the earliest first.

        It takes no longer, the longer ago ``since`` is.
        """
        span = _DAY / 24
        while count:
            start = max(since, moment - span)
            found = list(itertools.takewhile(lambda time: time <= moment, self.after(start - _TICK)))
            if len(found) >= count or start == since:
                return found[-count:]
            span *= 4
        return []


_TICK: Final = timedelta(microseconds=1)


def parse_cron(expression: str, timezone: str) -> Cron | list[FieldError]:
    """The expression in the zone, or everything that is wrong with the two."""
    errors = []
    fields = _fields(expression)
    if isinstance(fields, FieldError):
        errors.append(fields)
    zone = _zone(timezone)
    if zone is None:
        message = (
            f"{timezone!r} is not a time zone; name one of the IANA database, as 'Europe/Berlin', or 'UTC'"
        )
        errors.append(FieldError("/timezone", "UNKNOWN", message))
    if isinstance(fields, FieldError) or zone is None:
        return errors
    cron = Cron(fields, zone)
    if next(cron.after(_SOME_TIME), None) is None:
        return [FieldError("/cron", "NEVER", f"{expression!r} never fires: there is no such day")]
    return cron


_SOME_TIME: Final = datetime(2024, 1, 1, tzinfo=UTC)


def _fields(expression: str) -> str | FieldError:
    """The expression as the library is to see it, or what is wrong with it."""
    from cronsim import CronSim, CronSimError

    text = NICKNAMES.get(expression.strip().lower(), expression.strip())
    if len(text) > MAX_EXPRESSION:
        return FieldError("/cron", "TOO_LONG", f"a cron expression has at most {MAX_EXPRESSION} characters")
    if text.startswith("@"):
        known = ", ".join(NICKNAMES)
        return FieldError("/cron", "INVALID", f"{expression!r} is not a nickname; there are {known}")
    if not _FIELDS.fullmatch(text):
        return FieldError("/cron", "INVALID", f"{expression!r} is not a cron expression: {_EXAMPLE}")
    try:
        parsed = CronSim(text, _SOME_TIME)
    except CronSimError as error:
        what = str(error).removeprefix("Bad ").lower()
        message = f"the {what} field of {expression!r} has no meaning, or no day is like that; {_EXAMPLE}"
        return FieldError("/cron", "INVALID", message)
    # What the library looks at, as Debian's cron, is whether minute or hour begin with a star. Hours decide
    # here, however they are written: '0 */2' names hours, '0 0-23' names none.
    hours = "*" if len(parsed.hours) == 24 else ",".join(map(str, sorted(parsed.hours)))
    minutes = ",".join(map(str, sorted(parsed.minutes)))
    return " ".join([minutes, hours, *text.split()[2:]])


def _zone(name: str) -> "ZoneInfo | None":
    from zoneinfo import ZoneInfo

    # Names are those of the tzdata package on every machine: a system may lack some, or know others.
    return ZoneInfo(name) if name in _zones() else None


@cache
def _zones() -> frozenset[str]:
    from importlib import resources

    return frozenset(resources.files("tzdata").joinpath("zones").read_text("utf-8").split())
