"""The life of an intent: which status follows which, which version may be active, what may be executed."""

from collections.abc import Mapping
from typing import Final

from shared.domain.errors import ConflictError, FieldError, NotExecutableError, ValidationFailedError
from shared.domain.intents import Intent, IntentStatus

TRANSITIONS: Final[Mapping[IntentStatus, tuple[IntentStatus, ...]]] = {
    "draft": ("active", "archived"),
    "active": ("deprecated", "archived"),
    "deprecated": ("active", "archived"),
    "archived": ("active", "draft"),
}
"""What each status may become; staying as it is is always allowed."""


def require_transition(name: str, old: IntentStatus, new: IntentStatus) -> None:
    """Let pass what the table has.

    Raises:
        ConflictError: it has not; the message says what is allowed.
    """
    if new != old and new not in TRANSITIONS[old]:
        allowed = " or ".join(TRANSITIONS[old])
        raise ConflictError(f"The intent {name!r} is {old}: it can become {allowed}, not {new}")


def require_writable(name: str, status: IntentStatus) -> None:
    """Let pass what may get a new version.

    Raises:
        ConflictError: it is archived.
    """
    if status == "archived":
        raise ConflictError(
            f"The intent {name!r} is archived; restore it first: PATCH it with status active or draft"
        )


def require_activation(name: str, version: int, *, active: int, latest: int) -> None:
    """Let pass a version that may be made the active one: the active one itself, or a later one.

    Raises:
        ValidationFailedError: there is no such version.
        ConflictError: its time is over.
    """
    if not 1 <= version <= latest:
        message = f"there is no version {version} of {name!r}; the latest is {latest}"
        raise ValidationFailedError(errors=[FieldError("/active_version", "UNKNOWN_VERSION", message)])
    if version < active:
        raise ConflictError(
            f"Version {version} of {name!r} was followed by version {active}; "
            "to have its content again, roll back to it, which makes a new version"
        )


def require_plannable(intent: Intent) -> None:
    """Let pass what may be planned: drafts too, so that they can be looked at before they are used.

    Raises:
        NotExecutableError: the intent is archived.
    """
    if intent.status == "archived":
        raise NotExecutableError(
            f"The intent {intent.name!r} is archived; restore it first: PATCH it with status active or draft"
        )


def require_executable(intent: Intent) -> None:
    """Let pass a version that may be executed: in use or once used, of an intent in use.

    Raises:
        NotExecutableError: it is a draft, or the intent is a draft or archived.
    """
    if intent.status == "archived":
        raise NotExecutableError(f"The intent {intent.name!r} is archived; restore it to execute it")
    if intent.status == "draft":
        raise NotExecutableError(
            f"The intent {intent.name!r} is a draft; activate it to execute it: PATCH it with status active"
        )
    if intent.state == "draft":
        raise NotExecutableError(
            f"Version {intent.version} of {intent.name!r} is a draft; "
            f"activate it to execute it: PATCH the intent with active_version {intent.version}"
        )
