"""Members: who belongs to a tenant, with which roles and attributes."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from shared.domain.errors import FieldError
from shared.domain.pointers import pointer

MAX_ATTRIBUTES: Final = 32
MAX_ELEMENTS: Final = 32
"""Most strings in an attribute that is a list."""
MAX_TEXT: Final = 256
"""Characters of an attribute's text."""
MAX_NAME: Final = 500
"""Characters of an issuer or a subject."""
RESERVED: Final = frozenset({"chain"})
"""Names under which the members' partition keeps something else."""

USER: Final = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")
"""A member's name in its tenant; ``name@tenant`` is how records name the member."""
_ATTRIBUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_IDENTITY: Final = re.compile(rf"[^\x00-\x20\x7f]([^\x00-\x1f\x7f]{{0,{MAX_NAME - 2}}}[^\x00-\x20\x7f])?")

type MemberKind = Literal["user", "service"]


@dataclass(frozen=True, slots=True)
class NewMember:
    """A member as its tenant's administrator wants it.

    Attributes:
        kind: a person, or a service acting for itself; None: as it is, or a person.
        issuer: who vouches for it; None: as it is. So with ``subject``, its name there.
    """

    roles: Sequence[str]
    attributes: Mapping[str, Any]
    kind: MemberKind | None = None
    issuer: str | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """``user`` is its name in the tenant; times are RFC 3339 in UTC, None where they were not kept."""

    user: str
    kind: MemberKind
    roles: Sequence[str]
    attributes: Mapping[str, Any]
    issuer: str
    subject: str
    created_at: str | None
    updated_at: str | None
    etag: str

    def has(self, issuer: str, subject: str) -> bool:
        """Whether it is that identity."""
        return (self.issuer, self.subject) == (issuer, subject)


def member_errors(user: str, roles: Sequence[str], *, known: Collection[str]) -> list[FieldError]:
    """Everything wrong with a member's name and its roles, of which there are those ``known``."""
    errors = []
    if not USER.fullmatch(user) or user in RESERVED:
        message = (
            f"{user!r}: must be 1 to 64 of a-z, 0-9, '.', '_' and '-', with a letter or digit at both ends, "
            f"and not {' or '.join(map(repr, sorted(RESERVED)))}"
        )
        errors.append(FieldError("/user", "INVALID", message))
    errors += [
        FieldError(f"/roles/{index}", "UNKNOWN", f"{role!r} is not a role; the roles are {', '.join(known)}")
        for index, role in enumerate(roles)
        if role not in known
    ]
    return errors


def identity_errors(issuer: str | None, subject: str | None) -> Iterator[FieldError]:
    """Everything wrong with the identity of a member that is to be made."""
    for name, value in (("issuer", issuer), ("subject", subject)):
        if value is None:
            yield FieldError(
                pointer(name), "REQUIRED", "a new member needs the identity that it signs in with"
            )
        elif not _IDENTITY.fullmatch(value):
            message = f"1 to {MAX_NAME} characters, none of them control characters, no blanks at its ends"
            yield FieldError(pointer(name), "INVALID", message)


def attribute_errors(attributes: Mapping[str, Any]) -> Iterator[FieldError]:
    """Everything wrong with a member's attributes."""
    if len(attributes) > MAX_ATTRIBUTES:
        yield FieldError("/attributes", "TOO_MANY", f"there are at most {MAX_ATTRIBUTES} attributes")
        return
    for name, value in attributes.items():
        place = pointer("attributes", name)
        if not _ATTRIBUTE.fullmatch(name):
            message = "a name is 1 to 64 letters, digits, '_' and '-', and begins with a letter"
            yield FieldError(place, "INVALID", message)
        if not _is_value(value):
            message = (
                f"a value is a text of at most {MAX_TEXT} characters, a number, true or false, "
                f"or a list of at most {MAX_ELEMENTS} such texts"
            )
            yield FieldError(place, "VALUE", message)


def _is_value(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= MAX_ELEMENTS and all(isinstance(one, str) and _is_value(one) for one in value)
    return len(value) <= MAX_TEXT if isinstance(value, str) else isinstance(value, int | float)
