"""A tenant's secrets: what is known of them. Their values are in the vault, and in nothing that is shown."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from shared.domain.errors import FieldError

MAX_VALUE_BYTES: Final = 24 * 1024
"""Of a value in UTF-8; Key Vault takes 25 KB (its service limits), and others have to do the same."""
MIN_VALUE: Final = 8
"""Characters of a value, blank ones at its ends left out. What is shorter stands in too many texts by chance
to be kept out of what steps return."""
MAX_DESCRIPTION: Final = 500

SECRET_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_MENTION: Final = re.compile(
    r"""(?<![\w.]) secrets \s* (?: \. \s* (?P<name> [A-Za-z_]\w* )
                                 | \[ \s* (?P<quote> \\?['"]) (?P<key> [A-Za-z_]\w* ) (?P=quote) \s* \] )""",
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret as its owner wants it; ``description`` None leaves the one there is."""

    value: str = field(repr=False)
    description: str | None = None


@dataclass(frozen=True, slots=True)
class SecretUse:
    """When, and for what, the value was last given out; up to a minute late."""

    at: str
    execution_id: str
    step: str


@dataclass(frozen=True, slots=True)
class Secret:
    """Everything about a secret but its value. ``version`` counts its values, from 1."""

    name: str
    description: str
    version: int
    created_at: str
    created_by: str
    updated_at: str
    updated_by: str
    etag: str


def secret_errors(name: str, new: NewSecret) -> list[FieldError]:
    """Everything that is wrong with it; no message has the value or says how long it is."""
    errors = []
    if not SECRET_NAME.fullmatch(name):
        message = "a name is 1 to 63 of A-Z, a-z, 0-9 and '_', and does not begin with a digit"
        errors.append(FieldError("/name", "INVALID", message))
    if len(new.value.strip()) < MIN_VALUE:
        message = f"at least {MIN_VALUE} characters: what is shorter cannot be kept out of what steps return"
        errors.append(FieldError("/value", "TOO_SHORT", message))
    if len(new.value.encode()) > MAX_VALUE_BYTES:
        errors.append(FieldError("/value", "TOO_LONG", f"at most {MAX_VALUE_BYTES} bytes in UTF-8"))
    if len(new.description or "") > MAX_DESCRIPTION:
        errors.append(FieldError("/description", "TOO_LONG", f"at most {MAX_DESCRIPTION} characters"))
    return errors


def secrets_named(value: Any) -> list[str]:
    """The secrets that any text in ``value`` mentions, such as ``${{ secrets.TOKEN }}``, in order.

    Texts that only look like it count, too: this is for telling where a secret may be used.
    """
    return sorted(
        {match["name"] or match["key"] for text in _texts(value) for match in _MENTION.finditer(text)}
    )


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            if "secrets" in value:
                yield value
        case dict():
            for one in value.values():
                yield from _texts(one)
        case list():
            for one in value:
                yield from _texts(one)
        case _:
            pass
