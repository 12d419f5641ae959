"""Administrators of the platform that its operator names, before or beside those that are members."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.domain.members import Member, MemberKind
from shared.domain.standings import PLATFORM

ROLE: Final = "platform-admin"
"""The role in the platform's tenant that administers all others."""


@dataclass(frozen=True, slots=True)
class PlatformAdmin:
    """Who administers the platform: ``user`` is what records name it by, the rest is who it is."""

    user: str
    issuer: str
    subject: str
    kind: MemberKind = "user"

    @property
    def member(self) -> Member:
        """It as a member of the platform's tenant."""
        return Member(self.user, self.kind, (ROLE,), {}, self.issuer, self.subject, None, None, etag="")


@dataclass(frozen=True, slots=True)
class PlatformAdmins:
    """Those that the operator names. They are members of the platform's tenant, and stored nowhere."""

    named: Sequence[PlatformAdmin] = ()

    def tenants(self, issuer: str, subject: str) -> Mapping[str, str]:
        """The platform's tenant, with its user name there, if the identity is one of them."""
        member = self.identified(PLATFORM, issuer, subject)
        return {PLATFORM: member.user} if member else {}

    def find(self, tenant_id: str, user: str) -> Member | None:
        """The one of that name, in the platform's tenant."""
        found = (one.member for one in self.named if one.user == user and tenant_id == PLATFORM)
        return next(found, None)

    def identified(self, tenant_id: str, issuer: str, subject: str) -> Member | None:
        """The one that is that identity, in the platform's tenant."""
        found = (one.member for one in self.named if tenant_id == PLATFORM)
        return next((one for one in found if one.has(issuer, subject)), None)
