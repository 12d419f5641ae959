"""Tenants on the wire."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from quantum.contract.numbers import integral

type Count = Annotated[int, BeforeValidator(integral)]

_FORBIDDEN = "Names of actions that intents may not have, nor executions run."
_CONCURRENT = (
    "How many executions run at a time, those that others have started left out; more wait for their turn. "
    "null: as many as the platform's operator says."
)
_REGISTRIES = "Where container images may come from, as `host` or `host/path`; null: from anywhere."


class RateLimits(BaseModel):
    """How many requests are served in a time; null: as many as the platform's operator says."""

    model_config = ConfigDict(extra="forbid", strict=True)

    hour: Count | None = Field(default=None, description="Of a user in an hour.", examples=[1000])
    burst: Count | None = Field(default=None, description="Of a user in a minute.", examples=[100])
    tenant_hour: Count | None = Field(
        default=None, description="Of all the tenant's users together in an hour.", examples=[20_000]
    )
    tenant_burst: Count | None = Field(default=None, description="Of them all in a minute.", examples=[1000])


class TenantSettings(BaseModel):
    """What a tenant's intents must keep to."""

    forbidden_actions: list[str] = Field(description=_FORBIDDEN, examples=[["http-request"]])
    allowed_registries: list[str] | None = Field(
        description=_REGISTRIES, examples=[["registry.example.com", "ghcr.io/acme"]]
    )
    max_concurrent_executions: int | None = Field(description=_CONCURRENT, examples=[20])
    rate_limits: RateLimits


class Tenant(BaseModel):
    """A tenant."""

    id: str = Field(examples=["tenant-123"])
    created_at: str = Field(description="RFC 3339, UTC.", examples=["2024-01-04T10:00:00.000000Z"])
    settings: TenantSettings


class ChangedSettings(BaseModel):
    """The settings to change (JSON merge patch): what is left out stays, null puts it back to nothing."""

    model_config = ConfigDict(extra="forbid", strict=True)

    forbidden_actions: list[str] | None = Field(default=None, description=_FORBIDDEN)
    allowed_registries: list[str] | None = Field(default=None, description=_REGISTRIES)
    max_concurrent_executions: Count | None = Field(default=None, description=_CONCURRENT)
    rate_limits: RateLimits | None = None


class PatchTenant(BaseModel):
    """What of a tenant is to change."""

    model_config = ConfigDict(extra="forbid", strict=True)

    settings: ChangedSettings
