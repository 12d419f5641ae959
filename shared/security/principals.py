"""Who acts, and where an operation comes from: an authenticated member of one tenant, as a rule."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from shared.security.decisions import Decision

type PrincipalKind = Literal["user", "service"]


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to do a request that may be sent again (``Idempotency-Key``), for a while.

    Attributes:
        id: a ULID, the same for all that ever do this request: what they make is known by it.
        until: when to begin no change any more; somebody else may have the next turn soon after.
    """

    id: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an operation comes from: what its audit record says of that.

    Attributes:
        principal: the name of who asked for it, ``ada@acme`` or ``platform``.
        request_id: of the request that asked; empty for the platform's own doings.
        address: the network address that the request came from, if it is known.
        turn: with which it is asked for, if it may be sent again; no record says that.
        decision: that permitted it; None where nobody was asked, of the platform's own doings.
    """

    principal: str
    request_id: str = ""
    address: str | None = None
    turn: Turn | None = None
    decision: Decision | None = None


PLATFORM = Origin("platform")
"""The platform itself, when nobody asked."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A member of a tenant, as authentication found it: never made from what a request merely claims.

    Attributes:
        tenant_id: the tenant acted in.
        user: the member's name in that tenant.
        roles: names from :data:`shared.security.permissions.ROLES`.
        attributes: facts that attribute policies may ask about (``department`` and the like).
        issuer: who vouches for the identity.
        subject: the identity's name at the issuer; ``(issuer, subject)`` never changes hands.
        kind: a person, or a service acting for itself.
    """

    tenant_id: str
    user: str
    roles: frozenset[str]
    attributes: Mapping[str, Any]
    issuer: str
    subject: str
    kind: PrincipalKind = "user"

    @property
    def name(self) -> str:
        """How records name the principal, ``created_by`` for one: ``ada@acme``."""
        return f"{self.user}@{self.tenant_id}"

    @property
    def identity(self) -> dict[str, str]:
        """What is stored of it where the platform is to act in its name later."""
        return {"user": self.user, "issuer": self.issuer, "subject": self.subject}
