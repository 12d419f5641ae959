"""Why something waits: for what, since when, and until when, if that is known."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from shared.domain.times import rfc3339

type Awaited = Literal[
    "approval", "timer", "retry", "poll", "callback", "child", "limit", "dependency", "pause"
]
"""What can be waited for: people, a time, the next attempt, something elsewhere that is asked again or that
calls back, an execution of another intent, a place within a limit, other steps, and whoever paused it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is waited for, as whoever begins to wait says it.

    ``until`` is when it is over, whatever happens (None: that is not known). ``facts`` are what is particular
    to it, and become fields beside the others: a child's ``execution_id``, which ``dependencies``.
    """

    awaited: Awaited
    until: datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def since(self, moment: str) -> dict[str, Any]:
        """As it is stored, and told to those who watch: it has waited since then (RFC 3339)."""
        until = rfc3339(self.until) if self.until else None
        return {"for": self.awaited, "since": moment, "until": until, **self.facts}


POLL: Final = Waiting("poll")
"""Something elsewhere is asked again and again until it is done."""

_RUNS: Final = 2**32
_LOAD: Final[Mapping[str | None, int]] = {"running": _RUNS, "waiting": -1}


def load(status: str | None) -> int:
    """What a step, or an item, of this status adds to its execution's load; None: it has not begun.

    A load below 0 says that something waits and nothing runs, whatever else there is: so one number, which
    each changes in the transaction that it changes its status in, tells an execution that waits, and a query
    finds all that do. What is between two attempts does neither.
    """
    return _LOAD.get(status, 0)
