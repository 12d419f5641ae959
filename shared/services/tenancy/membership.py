"""Members as they are stored: where, as what, and whom one stands for."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from shared.domain.members import Member
from shared.ports.documents import TENANCY, Document, Query, Where
from shared.security.principals import Principal

PARTITION: Final = "members"
"""A tenant's members and the chain of their audit records."""


def member_query(where: Sequence[Where], *, limit: int, after: str | None = None) -> Query:
    return Query(TENANCY, "member", partition=PARTITION, where=where, limit=limit, after=after)


def member_of(document: Document) -> Member:
    body = document.body
    return Member(
        user=body["user"],
        kind=body["member_kind"],
        roles=body["roles"],
        attributes=body["attributes"],
        issuer=body["issuer"],
        subject=body["subject"],
        created_at=body.get("created_at"),
        updated_at=body.get("updated_at"),
        etag=document.etag,
    )


def principal_of(tenant_id: str, member: Member) -> Principal:
    """The member as it acts."""
    return Principal(
        tenant_id=tenant_id,
        user=member.user,
        roles=frozenset(member.roles),
        attributes=MappingProxyType(member.attributes),
        issuer=member.issuer,
        subject=member.subject,
        kind=member.kind,
    )
