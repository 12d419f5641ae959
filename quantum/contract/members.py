"""Members on the wire: who belongs to a tenant, and what they may do there."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from quantum.contract.pages import Page, Paging

type MemberKind = Literal["user", "service"]

_KIND = "A person, or a service acting for itself."
_USER = "The member's name in the tenant."
_ROLES = "What the member may do is what any of its roles permits."
_ATTRIBUTES = (
    "Facts that policies and approvals may ask about: texts, numbers, true or false, lists of texts."
)
_ISSUER = "Who vouches for the member: the `iss` of its tokens."
_SUBJECT = "Its name there: the `sub` of its tokens, or `oid` where the issuer is Entra ID."
_FIXED = "Needed for a new member; fixed from then on, and may be left out."


class OwnTenant(BaseModel):
    """A tenant that you are a member of."""

    id: str = Field(description="What to send as `X-Tenant-ID`.", examples=["tenant-123"])
    user: str = Field(description=_USER, examples=["ada"])
    kind: MemberKind = Field(description=_KIND)
    roles: list[str] = Field(examples=[["author", "operator"]])


class Me(BaseModel):
    """Who you are. What is said of one tenant is null or empty while you have several and name none."""

    issuer: str = Field(description="Who vouches for you.")
    subject: str = Field(description="Your name there.")
    tenants: list[OwnTenant] = Field(description="All that you are a member of.")
    tenant_id: str | None = Field(
        description="The tenant chosen: the one in `X-Tenant-ID`, or your only one.", examples=["tenant-123"]
    )
    principal: str | None = Field(description="How records name you there.", examples=["ada@tenant-123"])
    kind: MemberKind | None = Field(description=_KIND)
    roles: list[str] = Field(examples=[["author", "operator"]])
    attributes: dict[str, Any] = Field(examples=[{"department": "web"}])
    operations: list[str] = Field(
        description="What the policies permit you there; to one resource they may forbid it.",
        examples=[["intents.create", "intents.read"]],
    )


class PutMember(BaseModel):
    """A member as it shall be: roles and attributes take the place of those that there are."""

    model_config = ConfigDict(extra="forbid", strict=True)

    roles: list[str] = Field(description=_ROLES, max_length=32, examples=[["author", "operator"]])
    attributes: dict[str, Any] = Field(
        default={}, description=_ATTRIBUTES, examples=[{"department": "web", "on_call": True}]
    )
    kind: MemberKind | None = Field(
        default=None, description=f"{_KIND} A person if left out; fixed from then on."
    )
    issuer: str | None = Field(
        default=None, description=f"{_ISSUER} {_FIXED}", examples=["https://login.example.com"]
    )
    subject: str | None = Field(default=None, description=f"{_SUBJECT} {_FIXED}", examples=["ada"])


class Member(BaseModel):
    """Who belongs to the tenant, with which roles and attributes."""

    user: str = Field(description=_USER, examples=["ada"])
    kind: MemberKind = Field(description=_KIND)
    roles: list[str] = Field(description=_ROLES, examples=[["author", "operator"]])
    attributes: dict[str, Any] = Field(description=_ATTRIBUTES, examples=[{"department": "web"}])
    issuer: str = Field(description=_ISSUER, examples=["https://login.example.com"])
    subject: str = Field(description=_SUBJECT, examples=["ada"])
    created_at: str | None = Field(
        description="RFC 3339, UTC; null if it was made by the platform's operator.",
        examples=["2024-01-04T10:00:00.000000Z"],
    )
    updated_at: str | None


class MemberPage(Page[Member]):
    """A page of members, by name."""


class MemberQuery(Paging):
    """Which members to list."""

    role: Annotated[
        str | None, Field(min_length=1, max_length=64, description="Only members that have this role.")
    ] = None
