"""A tenant's own policies: texts in Cedar beside the platform's."""

import re
from dataclasses import dataclass
from typing import Final

from shared.domain.errors import FieldError

MAX_TEXT: Final = 4000
MAX_DESCRIPTION: Final = 500

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class NewPolicy:
    """A policy as its author wants it; one that is not ``enabled`` is kept and not asked."""

    text: str
    description: str = ""
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    name: str
    text: str
    description: str
    enabled: bool
    created_at: str
    created_by: str
    updated_at: str
    updated_by: str
    etag: str


def policy_errors(name: str, new: NewPolicy) -> list[FieldError]:
    """Everything that is wrong with it, but its language."""
    errors = []
    if not _NAME.fullmatch(name):
        errors.append(FieldError("/name", "INVALID", "a name is 1 to 63 of a-z, 0-9 and '-'"))
    if len(new.text) > MAX_TEXT:
        errors.append(FieldError("/policy", "TOO_LONG", f"at most {MAX_TEXT} characters"))
    if len(new.description) > MAX_DESCRIPTION:
        errors.append(FieldError("/description", "TOO_LONG", f"at most {MAX_DESCRIPTION} characters"))
    return errors
