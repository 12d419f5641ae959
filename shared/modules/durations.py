"""Lengths of time as parameters of actions: seconds, or a text such as ``1d2h3m4s``."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator

MAX_WAIT: Final = 30 * 86_400
"""The longest that anything waits, in seconds: 30 days."""

_DURATION: Final = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")


def seconds_of(duration: float | str) -> float:
    """The seconds that it spells; -1 if it spells none."""
    if not isinstance(duration, str):
        return duration
    match = _DURATION.fullmatch(duration)
    if match is None or not duration:
        return -1
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _lasting(value: float | str) -> float | str:
    if not 0 < seconds_of(value) <= MAX_WAIT:
        raise ValueError("give seconds, or spell it like 1d2h3m4s: more than 0, and at most 30d")
    return value


Lasting = Annotated[float | str, AfterValidator(_lasting)]
"""A time that takes a while; ``seconds_of`` it are more than 0."""
