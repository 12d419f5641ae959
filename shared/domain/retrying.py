"""Retrying an execution that has ended: which of its steps are kept, and which run again.

Kept is what ended well: a step that has completed or was skipped by its condition and has not been undone, as
long as it is not asked for again and stands behind nothing that runs again. What runs at last is never kept.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shared.domain.actions import did_you_mean
from shared.domain.errors import ConflictError, FieldError, IrreversibleError, ValidationFailedError
from shared.domain.graphs import topological
from shared.domain.ids import RANDOM_BYTES, ulid, ulid_time
from shared.domain.plans import Plan
from shared.domain.pointers import pointer

type Names = str | Sequence[str]


@dataclass(frozen=True, slots=True)
class Retrial:
    """How an execution is to be retried.

    Attributes:
        origin: the steps that run again although they ended well.
        repeat: the steps whose irreversible action may be done again; True: all of them.
        reason: why, for the record.
    """

    origin: Names = ()
    repeat: Sequence[str] | Literal[True] = ()
    reason: str | None = None

    @property
    def again(self) -> frozenset[str]:
        return frozenset(name for _, name in _places("from", self.origin))

    def require_known(self, plan: Plan) -> None:
        """Let pass what names steps of the plan only.

        Raises:
            ValidationFailedError: it names others; each is told with its place.
        """
        named = [*_places("from", self.origin)]
        if self.repeat is not True:
            named += _places("repeat_irreversible", self.repeat)
        known = {step.id for step in plan.every_step}
        errors = [
            FieldError(place, "UNKNOWN_STEP", f"the plan has no step '{name}'{did_you_mean(name, known)}")
            for place, name in named
            if name not in known
        ]
        if errors:
            raise ValidationFailedError(errors=errors)

    def require_repeatable(self, repeated: Sequence[str]) -> None:
        """Let pass if each irreversible action that is ``repeated`` may be.

        Raises:
            IrreversibleError: some may not; each is named.
        """
        refused = [] if self.repeat is True else [step for step in repeated if step not in self.repeat]
        if not refused:
            return
        listed = ", ".join(f"'{step}'" for step in refused)
        raise IrreversibleError(
            f"The action of {listed} is irreversible and was begun before. Look whether it took effect; to "
            "do it again, name the step in repeat_irreversible, or send repeat_irreversible: true",
            errors=[
                FieldError("/repeat_irreversible", IrreversibleError.code, f"step '{step}' would be repeated")
                for step in refused
            ],
        )


def retry_id(turn: str, execution_id: str) -> str:
    """The id of the one retry of the execution that a request of this turn asks for."""
    said = hashlib.sha256(f"{turn}\0{execution_id}".encode()).digest()
    return ulid(ulid_time(turn), said[:RANDOM_BYTES])


def _places(field: str, names: Names) -> Iterator[tuple[str, str]]:
    """Each of the names, with its place in the request."""
    if isinstance(names, str):
        yield pointer(field), names
        return
    for index, name in enumerate(names):
        yield pointer(field, index), name


def kept_of(plan: Plan, good: Collection[str], again: Collection[str]) -> frozenset[str]:
    """The steps that are kept: of those that are ``good`` the ones that nothing makes run ``again``."""
    waits_for = {step.id: step.depends_on for step in plan.steps}
    kept: set[str] = set()
    for step in topological(waits_for):
        if step in good and step not in again and kept.issuperset(waits_for[step]):
            kept.add(step)
    return frozenset(kept)


def is_good(stored: Mapping[str, Any] | None) -> bool:
    """Whether a step, as it is stored (None: it never began), ended well and nobody began to undo it."""
    if stored is None or stored.get("compensation") is not None:
        return False
    # A step without an error was skipped by its condition, one with an error by the failure of another.
    return stored["status"] == "completed" or (stored["status"] == "skipped" and stored["error"] is None)


def has_begun(stored: Mapping[str, Any] | None) -> bool:
    """Whether the action of a step, or of an item, may have taken effect, as it is stored."""
    if stored is None or stored["attempts"] == 0 or stored["started_at"] is None:
        return False
    return stored["attempts"] > 1 or bool(stored.get("acted", True))


def require_something_to_do(plan: Plan, status: str, kept: Collection[str], again: Collection[str]) -> None:
    """Let pass unless everything went well and nothing is asked for again.

    Raises:
        ConflictError: so it is.
    """
    if status == "completed" and not again and len(kept) == len(plan.steps):
        raise ConflictError("Every step went well: to run some again, name them in from")
