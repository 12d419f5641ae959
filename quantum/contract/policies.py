"""A tenant's own policies on the wire."""

from pydantic import BaseModel, ConfigDict, Field

from quantum.contract.pages import Page
from quantum.contract.times import Moment

_TEXT = "One or more policies in Cedar. What they may speak of is in docs/policies.md."
_ENABLED = "Whether it is asked."
_EXAMPLE = (
    'forbid (principal, action == Action::"intents.execute", resource)\n'
    'when { resource has target && resource.target == "production" }\n'
    'unless { principal.hasTag("department") && principal.getTag("department") == "operations" };'
)


class PutPolicy(BaseModel):
    """A policy as it shall be."""

    model_config = ConfigDict(extra="forbid", strict=True)

    policy: str = Field(description=_TEXT, examples=[_EXAMPLE])
    description: str = Field(default="", description="What it is for, in words.")
    enabled: bool = Field(default=True, description=_ENABLED)


class Policy(BaseModel):
    """A policy of the tenant's own."""

    name: str = Field(
        description="Refusals name it as `policy:<name>`.", examples=["production-by-operations"]
    )
    policy: str = Field(description=_TEXT, examples=[_EXAMPLE])
    description: str
    enabled: bool = Field(description=_ENABLED)
    created_at: str = Field(description="RFC 3339, UTC.", examples=["2024-01-04T10:00:00.000000Z"])
    created_by: str = Field(examples=["ada@tenant-123"])
    updated_at: str
    updated_by: str


class PolicyPage(Page[Policy]):
    """A page of policies, by name."""


class CheckPolicies(BaseModel):
    """May somebody do something? Nothing is done."""

    model_config = ConfigDict(extra="forbid", strict=True)

    operation: str = Field(description="What is to be done.", examples=["intents.execute"])
    resource: str = Field(
        default="*", description="The name or id of what it is done to; `*`: none in particular."
    )
    user: str | None = Field(default=None, description="The member who asks; null: you.", examples=["bob"])
    at: Moment | None = Field(default=None, description="When. RFC 3339; null: now.")
    address: str | None = Field(default=None, description="From which network address; null: unknown.")


class PolicyDecision(BaseModel):
    """What the policies say."""

    allowed: bool
    policies: list[str] = Field(
        description="Those that forbid it, or else permit it; `default-deny` if none does either.",
        examples=[["policy:production-by-operations"]],
    )
    version: str = Field(description="Of the set of policies that was asked.")
    principal: str = Field(examples=["bob@tenant-123"])
    operation: str
    resource: str
    at: str = Field(description="RFC 3339, UTC.")
