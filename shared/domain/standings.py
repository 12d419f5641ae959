"""How tenants stand with the platform: what its administrators have made of them.

::

    active <-> suspended -> erasing -> erased

An id that was erased is never given again: what is left of its tenant says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from shared.domain.errors import FieldError

PLATFORM: Final = "platform"
"""The tenant whose members administer the platform; it is made by the operator, and nobody else."""
MAX_REASON: Final = 1000

type TenantStatus = Literal["active", "suspended", "erasing", "erased"]

GONE: Final[tuple[TenantStatus, ...]] = ("erasing", "erased")
"""Of a tenant that does not come back."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a tenant stands, why, and since when; nobody has changed that of most tenants.

    ``changed_by`` is the principal's name, ``changed_at`` a time as RFC 3339 has it.
    """

    status: TenantStatus = "active"
    reason: str | None = None
    changed_at: str | None = None
    changed_by: str | None = None

    @property
    def served(self) -> bool:
        """Whether anything is done for its members, and in their name."""
        return self.status == "active"

    @property
    def audited(self) -> dict[str, Any]:
        """What records say of it."""
        return {"status": self.status, "reason": self.reason}

    @property
    def refusal(self) -> str:
        """What its members are told where it is not served."""
        if self.status != "suspended":
            return "This tenant is being erased"
        return f"This tenant is suspended since {self.changed_at}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Administrator:
    """The first member of a new tenant."""

    user: str
    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class Summary:
    """A tenant in the list of all; times are RFC 3339 in UTC."""

    id: str
    status: TenantStatus
    created_at: str
    changed_at: str | None


def standing_of(body: Mapping[str, Any]) -> Standing:
    """How the tenant stands whose stored document has this body."""
    return Standing(
        body.get("status", "active"), body.get("reason"), body.get("changed_at"), body.get("changed_by")
    )


def reason_errors(reason: str) -> Iterator[FieldError]:
    """Everything wrong with the reason for a change."""
    if not reason.strip() or len(reason) > MAX_REASON:
        yield FieldError("/reason", "VALUE", f"say why, in 1 to {MAX_REASON} characters: its members see it")
