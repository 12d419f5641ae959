"""The codes that steps fail with, as whoever writes a ``retry`` reads of them."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Failure:
    """One way in which an action fails.

    Attributes:
        meaning: in which case it does, for people.
        retryable: whether another attempt may end otherwise; None: that depends on what happened.
    """

    code: str
    meaning: str
    retryable: bool | None


def final(code: str, meaning: str) -> Failure:
    """After which another attempt would end the same."""
    return Failure(code, meaning, retryable=False)


def passing(code: str, meaning: str) -> Failure:
    """After which another attempt may end otherwise."""
    return Failure(code, meaning, retryable=True)


def either(code: str, meaning: str) -> Failure:
    """After which another attempt ends the same, or otherwise: that depends on what happened."""
    return Failure(code, meaning, retryable=None)


ANY_STEP: Final = (
    final("EXPRESSION", "an expression cannot be evaluated"),
    final("PARAMETERS", "what its expressions come to does not fit the action"),
    final("OUTPUTS", "the action returned what it does not declare, or more than can be kept"),
    final("FOREACH", "`foreach` comes to no list, or to one that is too long"),
    passing("TIMEOUT", "the attempt took longer than it may"),
    final("INTERRUPTED", "the platform stopped while an irreversible action ran"),
    passing("INTERNAL", "the action failed unexpectedly"),
    final("SECRET_MISSING", "there is no such secret"),
    final("SECRET_UNFIT", "a secret is too short to be kept out of what is recorded"),
    final("SECRET_KEPT", "it would wait with the value of a secret, which is kept nowhere"),
)
"""Those of every step, whatever its action is."""

EGRESS: Final = (final("EGRESS_REFUSED", "where it leads, the platform does not go"),)
"""Those of whatever leaves the platform."""

MODULE_CALLS: Final = (
    *EGRESS,
    passing("MODULE_CONNECTION", "the endpoint gave no answer"),
    passing("MODULE_TIMEOUT", "the endpoint took longer than a call may"),
    passing("MODULE_UNAVAILABLE", "the endpoint could not do it now"),
    passing("MODULE_CIRCUIT_OPEN", "the endpoint has failed again and again, and is left alone"),
    final("MODULE_REFUSED", "the endpoint did not take the call"),
    final("MODULE_REDIRECT", "the endpoint sent on elsewhere, which is not followed"),
    final("MODULE_ANSWER", "the endpoint answered what it may not"),
    final("MODULE_TOO_LARGE", "the call is larger than it may be"),
    final("MODULE_GONE", "there is no such action any more"),
)
"""Those of every action of a tenant's own module, beside what the module says itself."""
