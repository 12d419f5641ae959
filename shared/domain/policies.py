"""A tenant's own policies: texts in Cedar beside the platform's."""

from dataclasses import dataclass
from typing import Final

from shared.domain.errors import FieldError
from shared.domain.kept_names import kept_name_errors

MAX_TEXT: Final = 4000
MAX_DESCRIPTION: Final = 500


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
    errors = list(kept_name_errors(name))
    if len(new.text) > MAX_TEXT:
        errors.append(FieldError("/policy", "TOO_LONG", f"at most {MAX_TEXT} characters"))
    if len(new.description) > MAX_DESCRIPTION:
        errors.append(FieldError("/description", "TOO_LONG", f"at most {MAX_DESCRIPTION} characters"))
    return errors
