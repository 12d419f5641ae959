"""Members on the wire: who belongs to a tenant, and what they may do there."""

from typing import Any, Literal

from pydantic import BaseModel, Field

type MemberKind = Literal["user", "service"]

_KIND = "A person, or a service acting for itself."
_USER = "The member's name in the tenant."


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
