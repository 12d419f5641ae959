"""The audit trail on the wire. :mod:`quantum.contract.chains` says how it is verified."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from quantum.contract.pages import Cursor, Page, Paging
from quantum.contract.times import Moment

_HASH = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_TIME = "2024-01-04T10:00:00.000000Z"


class KeptRecord(BaseModel):
    """A record that never expires; it is known by its hash when those behind it have expired."""

    number: int
    hash: str = Field(examples=[_HASH])


class AuditDecision(BaseModel):
    """The decision that permitted what was done."""

    operation: str = Field(description="What was asked for.", examples=["intents.create"])
    policies: list[str] = Field(
        description="The ids of the policies that permitted it: `role-author`, `policy:<name>`.",
        examples=[["role-author"]],
    )
    version: str = Field(
        description="Of the whole set that was asked, as `POST /policies/check` tells it.",
        examples=["9f86d081884c7d659a2feaa0c55ad015"],
    )


class AuditRecord(BaseModel):
    """Who did what, when and from where, hanging on the record before it."""

    chain: str = Field(description="Which chain it is of.", examples=["registry/deploy-application"])
    number: int = Field(description="Its place in the chain; counts from 1.", examples=[1])
    tenant_id: str = Field(examples=["tenant-123"])
    action: str = Field(description="What was done.", examples=["intent.create"])
    principal: str = Field(description="Who did it.", examples=["ada@tenant-123"])
    time: str = Field(description="RFC 3339, UTC.", examples=[_TIME])
    request_id: str = Field(description="The request it was done with; empty for the platform's own doings.")
    address: str | None = Field(description="The address the request came from.", examples=["203.0.113.7"])
    decision: AuditDecision | None = Field(
        default=None,
        description="What permitted it; null: the platform did it by itself. Records of releases before "
        "decisions were kept have none.",
    )
    before: dict[str, Any] | None = Field(description="What the change touched, before it.")
    after: dict[str, Any] | None = Field(description="The same after it.")
    expires_at: str | None = Field(description="From then on the record may be gone; null: never.")
    previous_hash: str = Field(description="The `hash` of the record before.", examples=[_HASH])
    previous_kept: KeptRecord | None = Field(description="The last record before it that never expires.")
    previous_expires_at: str | None = Field(description="When the last of the expiring ones before it does.")
    hash: str = Field(description="SHA-256 of the canonical JSON of all the rest.", examples=[_HASH])


class Damage(BaseModel):
    """What is wrong with one record of a chain, or with neighbours of the same fate."""

    chain: str = Field(examples=["registry/deploy-application"])
    number: int = Field(description="The first record it is about.")
    last: int = Field(description="The last record it is about.")
    kind: Literal["altered", "removed", "truncated", "reordered", "repeated", "added"]
    message: str = Field(examples=["record 3 is not what was written: its hash does not fit"])


class Verification(BaseModel):
    """What the verification of one chain or of all of a tenant's came to."""

    verified: bool = Field(description="Whether every chain is whole.")
    chains: int = Field(description="How many chains were looked at.")
    records: int = Field(description="How many records there are in them.")
    damage: list[Damage] = Field(description="What is wrong; at most 1000 places are named.")


class TenantVerification(Verification):
    """What the verification of a tenant's chains came to, of as many as one request takes."""

    next_cursor: str | None = Field(
        description="Give it as `cursor` to verify the chains that are left; null: these were the last.",
        examples=[None],
    )


class AuditPage(Page[AuditRecord]):
    """A page of the tenant's audit trail, newest first."""


class ChainPage(AuditPage):
    """A page of one chain, newest first, and what the verification of the whole chain came to."""

    verification: Verification


class ChainFilter(BaseModel):
    """Which chains."""

    model_config = ConfigDict(extra="forbid")

    intent: Annotated[
        str | None, Field(min_length=1, max_length=100, description="Only what was done to this intent.")
    ] = None
    execution: Annotated[
        str | None, Field(min_length=1, max_length=100, description="Only what was done to this execution.")
    ] = None


class VerificationQuery(ChainFilter):
    """Which chains to verify, and where to go on."""

    records: Annotated[
        int,
        Field(ge=1, le=5000, description="About how many records to look at; no chain is cut."),
    ] = 2000
    cursor: Cursor = None


class AuditQuery(ChainFilter, Paging):
    """Which records; all conditions must hold. An export has no pages: `limit` and `cursor` are idle."""

    principal: Annotated[
        str | None,
        Field(min_length=1, max_length=200, description="Done by, as in `ada@tenant-123`."),
    ] = None
    action: Annotated[
        str | None, Field(min_length=1, max_length=100, description="What was done: `intent.create`.")
    ] = None
    since: Annotated[Moment | None, Field(description="Done at or after.")] = None
    until: Annotated[Moment | None, Field(description="Done before.")] = None
