"""Tags that the platform itself sets in the build registry, and what they tell.

``<execution id>.…`` is what an execution has left there, for as long as anybody needs that. Two tags stand
for what a workload runs, and what it ran before: by them deployments keep their images when the executions
that have built these are gone.
"""

import hashlib
from typing import Final

from shared.domain.ids import is_ulid

_ULID: Final = 26
HOLD: Final = "quantum.deployed."
BEFORE: Final = "quantum.before."


def execution_of(tag: str) -> str | None:
    """The execution that has left what has this tag; None: it is no such tag."""
    execution_id = tag[:_ULID]
    return execution_id if tag[_ULID : _ULID + 1] == "." and is_ulid(execution_id) else None


def is_hold(tag: str) -> bool:
    """Whether a deployment keeps what has this tag."""
    return tag.startswith((HOLD, BEFORE))


def holds_of(place: str) -> tuple[str, str]:
    """The tags for what runs at a place (a workload of a target), and for what ran there before."""
    name = hashlib.sha256(place.encode()).hexdigest()[:32]
    return f"{HOLD}{name}", f"{BEFORE}{name}"
