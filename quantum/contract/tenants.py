"""Tenants on the wire."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from quantum.contract.numbers import integral
from quantum.contract.pages import Page, Paging

type Count = Annotated[int, BeforeValidator(integral)]

_FORBIDDEN = "Names of actions that intents may not have, nor executions run."
_CONCURRENT = (
    "How many executions run at a time, those that others have started left out; more wait for their turn. "
    "null: as many as the platform allows."
)
_REGISTRIES = "Where container images may come from, as `host` or `host/path`; null: from anywhere."


class RateLimits(BaseModel):
    """How many requests are served in a time; null: as many as the platform allows."""

    model_config = ConfigDict(extra="forbid", strict=True)

    hour: Count | None = Field(default=None, description="Of a user in an hour.", examples=[1000])
    burst: Count | None = Field(default=None, description="Of a user in a minute.", examples=[100])
    tenant_hour: Count | None = Field(
        default=None, description="Of all the tenant's users together in an hour.", examples=[20_000]
    )
    tenant_burst: Count | None = Field(default=None, description="Of them all in a minute.", examples=[1000])


class Quotas(BaseModel):
    """How much there may be of each thing; null: as much as the platform allows."""

    model_config = ConfigDict(extra="forbid", strict=True)

    intents: Count | None = Field(default=None, description="That are not archived.", examples=[10_000])
    versions: Count | None = Field(default=None, description="Of one intent.", examples=[10_000])
    definition_bytes: Count | None = Field(
        default=None, description="Of one definition, as JSON.", examples=[524_288]
    )
    output_bytes: Count | None = Field(
        default=None, description="Of one step, and of an execution, as JSON.", examples=[16_777_216]
    )
    event_streams: Count | None = Field(default=None, description="That are open.", examples=[1000])
    schedules: Count | None = Field(default=None, description="Paused ones too.", examples=[1000])
    subscriptions: Count | None = Field(default=None, description="Disabled ones too.", examples=[100])
    policies: Count | None = Field(default=None, description="Disabled ones too.", examples=[20])
    members: Count | None = Field(default=None, description="Services too.", examples=[1000])
    secrets: Count | None = Field(default=None, description="By name.", examples=[200])
    modules: Count | None = Field(default=None, description="Of its own.", examples=[20])


class Used(BaseModel):
    """How much of something is in use."""

    used: int | None = Field(
        description="null: nobody counts it, because it is of each single one or nothing limits it.",
        examples=[12],
    )
    limit: int | None = Field(description="null: any number.", examples=[1000])


class Spent(BaseModel):
    """How many requests of a window are spent."""

    used: int | None = Field(
        description="Of a user's limits, by you. What other instances have in reserve counts as used. "
        "null: of another tenant's users.",
        examples=[158],
    )
    limit: int = Field(examples=[1000])
    resets_at: str = Field(description="RFC 3339, UTC.", examples=["2024-01-04T11:00:00.000000Z"])


class TenantUsage(BaseModel):
    """How much a tenant uses of what it is allowed, by the names of its settings."""

    max_concurrent_executions: Used
    rate_limits: dict[str, Spent] = Field(description="Those that there are.")
    quotas: dict[str, Used]


class Ceiling(BaseModel):
    """What a tenant's settings may allow at most, as the platform's operator or administrators say.

    null: any number.
    """

    max_concurrent_executions: int | None = Field(description="How many executions run at a time.")
    rate_limits: RateLimits
    quotas: Quotas


class PutCeiling(BaseModel):
    """What a tenant may have at most, in place of what it could have before.

    What is left out or null is as the operator says for every tenant.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    max_concurrent_executions: Count | None = Field(
        default=None, description="How many executions run at a time.", examples=[50]
    )
    rate_limits: RateLimits = Field(default_factory=RateLimits)
    quotas: Quotas = Field(default_factory=Quotas)


class TenantSettings(BaseModel):
    """What a tenant's intents must keep to."""

    forbidden_actions: list[str] = Field(description=_FORBIDDEN, examples=[["http-request"]])
    allowed_registries: list[str] | None = Field(
        description=_REGISTRIES, examples=[["registry.example.com", "ghcr.io/acme"]]
    )
    max_concurrent_executions: int | None = Field(description=_CONCURRENT, examples=[20])
    rate_limits: RateLimits
    quotas: Quotas


type TenantStatus = Literal["active", "suspended", "erasing", "erased"]
_STATUS = (
    "`suspended`: nothing is done for its members; `erasing`: all of it is being deleted; `erased`: nothing "
    "is left, and the id is not given again."
)
_TIME = "2024-01-04T10:00:00.000000Z"
_CHANGED = "When the status was changed last; RFC 3339, UTC; null: never."
_ID = "A DNS label in lower case."


class Tenant(BaseModel):
    """A tenant."""

    id: str = Field(examples=["tenant-123"])
    created_at: str = Field(description="RFC 3339, UTC.", examples=["2024-01-04T10:00:00.000000Z"])
    status: TenantStatus = Field(description=_STATUS)
    reason: str | None = Field(description="Why it is so.", examples=["The contract has ended."])
    changed_at: str | None = Field(description=_CHANGED, examples=[_TIME])
    changed_by: str | None = Field(description="By whom.", examples=["root@platform"])
    settings: TenantSettings
    ceiling: Ceiling


class ChangedSettings(BaseModel):
    """The settings to change (JSON merge patch): what is left out stays, null puts it back to nothing."""

    model_config = ConfigDict(extra="forbid", strict=True)

    forbidden_actions: list[str] | None = Field(default=None, description=_FORBIDDEN)
    allowed_registries: list[str] | None = Field(default=None, description=_REGISTRIES)
    max_concurrent_executions: Count | None = Field(default=None, description=_CONCURRENT)
    rate_limits: RateLimits | None = None
    quotas: Quotas | None = None


class PatchTenant(BaseModel):
    """What of a tenant is to change."""

    model_config = ConfigDict(extra="forbid", strict=True)

    settings: ChangedSettings


class TenantSummary(BaseModel):
    """A tenant in the list of all."""

    id: str = Field(examples=["tenant-123"])
    status: TenantStatus = Field(description=_STATUS)
    created_at: str = Field(description="RFC 3339, UTC.", examples=[_TIME])
    changed_at: str | None = Field(description=_CHANGED, examples=[_TIME])


class TenantPage(Page[TenantSummary]):
    """A page of tenants, by id."""


class TenantQuery(Paging):
    """Which tenants to list."""

    status: Annotated[TenantStatus | None, Field(description="Only tenants of this status.")] = None


class NewAdministrator(BaseModel):
    """The first member of a new tenant: its administrator."""

    model_config = ConfigDict(extra="forbid", strict=True)

    user: str = Field(description="The member's name in the tenant.", examples=["ada"])
    issuer: str = Field(description="The `iss` of its tokens.", examples=["https://login.example.com"])
    subject: str = Field(
        description="The `sub` of its tokens, or `oid` where the issuer is Entra ID.", examples=["ada"]
    )


class CreateTenant(BaseModel):
    """A tenant to be made."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: str = Field(description=_ID, examples=["tenant-123"])
    administrator: NewAdministrator


class ChangeTenant(BaseModel):
    """Why a tenant is suspended or resumed."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: str = Field(description="Its members are told.", examples=["The contract has ended."])
