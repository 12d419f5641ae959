"""Intents on the wire."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from quantum.contract.pages import Page, Paging
from quantum.contract.problems import FieldError
from quantum.contract.times import Moment

type IntentStatus = Literal["draft", "active", "deprecated", "archived"]
type IntentFacet = Literal["status", "label", "action", "created_by"]
type IntentSort = Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"]

_LABEL = r"^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?:[^\x00-\x1f]*$"
"""A label's name as it may be given to an intent, a colon, and the value."""
_NAME = "A slug like a DNS label, unique in its tenant; it may not end in `-v` and a number."
_SLUG: dict[str, JsonValue] = {
    "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
    "not": {"pattern": "-v[0-9]+$"},
}
"""Only told: what breaks it is answered with all that is wrong with an intent."""
_DEFINITION = {
    "target": "production",
    "steps": [
        {"id": "build", "action": "build-docker-image", "image": "myapp:latest", "context": "./app"},
        {"action": "deploy-to-kubernetes", "namespace": "production", "replicas": 3},
    ],
}


class CreateIntent(BaseModel):
    """A new intent: it becomes version 1 of its name."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(description=_NAME, examples=["deploy-application"], json_schema_extra=_SLUG)
    definition: dict[str, Any] = Field(
        description="What should happen: target, parameters (JSON Schema), steps, finally.",
        examples=[_DEFINITION],
    )
    description: str = Field(default="", description="What it is for, in words.")
    labels: dict[str, str] = Field(
        default={}, description="Names and values to find it by.", examples=[{"team": "web"}]
    )
    status: Literal["draft", "active"] = Field(
        default="active", description="`draft`: still being written; `active`: meant for use."
    )
    message: str | None = Field(
        default=None, max_length=500, description="What version 1 is about, for its history."
    )


class Intent(BaseModel):
    """One version of an intent."""

    id: str = Field(description="`<name>-v<version>`.", examples=["deploy-application-v1"])
    name: str = Field(description=_NAME, examples=["deploy-application"])
    version: int = Field(ge=1, description="Counts from 1.", examples=[1])
    tenant_id: str = Field(examples=["tenant-123"])
    description: str
    labels: dict[str, str] = Field(examples=[{"team": "web"}])
    status: IntentStatus
    definition: dict[str, Any] = Field(examples=[_DEFINITION])
    content_hash: str = Field(
        description="SHA-256 of the definition's canonical JSON.", pattern="^sha256:[0-9a-f]{64}$"
    )
    created_at: str = Field(description="RFC 3339, UTC.", examples=["2024-01-04T10:00:00.000000Z"])
    created_by: str = Field(examples=["ada@tenant-123"])
    message: str | None = Field(description="What this version is about.")
    active_version: int = Field(ge=1, description="The version that the name stands for.", examples=[1])
    latest_version: int = Field(
        ge=1,
        description="The last that was made; versions later than the active one are drafts.",
        examples=[1],
    )
    updated_at: str = Field(description="When the intent last changed.")
    deprecated_at: str | None = Field(description="Since when the intent is deprecated.")
    successor: str | None = Field(description="What is to be used instead of a deprecated intent.")
    warnings: list[FieldError] = Field(
        default=[], description="What a change should make one think of; left out if there is nothing."
    )


class IntentQuery(Paging):
    """Which intents to list; all conditions must hold."""

    q: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=200,
            pattern=r"\S",
            description="Words, each of which must be somewhere in the name, the description, a label (as "
            "`key:value`) or an action, whatever the case; `deploy bill` finds `billing-deployment`.",
        ),
    ] = None
    status: Annotated[IntentStatus | None, Field(description="Only intents of this status.")] = None
    label: Annotated[
        tuple[Annotated[str, Field(pattern=_LABEL)], ...],
        Field(max_length=16, description="`key:value`; repeat it for more labels, which all must be there."),
    ] = ()
    action: Annotated[
        str | None, Field(min_length=1, max_length=200, description="Only intents that use this action.")
    ] = None
    created_by: Annotated[
        str | None,
        Field(min_length=1, max_length=200, description="Only intents whose version is by this principal."),
    ] = None
    updated_since: Annotated[
        Moment | None, Field(description="Only intents that changed at this time or after.")
    ] = None
    sort: Annotated[IntentSort, Field(description="Order; `-` turns it round.")] = "name"
    facets: Annotated[
        tuple[IntentFacet, ...],
        Field(
            max_length=4,
            description="Count the intents that the filter matches, on this page or another, by each value "
            "of this; repeat it for more.",
        ),
    ] = ()


class FacetValue(BaseModel):
    """A value, and how many intents have it."""

    value: str = Field(examples=["team:web"])
    count: int = Field(ge=1, examples=[12])


class Facet(BaseModel):
    """The values that most intents have."""

    values: list[FacetValue] = Field(max_length=20, description="The most frequent first.")
    more: int = Field(ge=0, description="How many more values there are, which fewer intents have.")


class IntentPage(Page[Intent]):
    """A page of intents."""

    facets: dict[IntentFacet, Facet] | None = Field(
        default=None, description="Counts over all pages; only if they were asked for."
    )
