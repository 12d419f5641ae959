"""The versions of an intent on the wire: new ones, their history, what changed between them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from quantum.contract.numbers import integral
from quantum.contract.pages import Page

type VersionState = Literal["draft", "active", "superseded"]

MESSAGE = Field(
    default=None,
    max_length=500,
    description="What this version is about, for its history.",
    examples=["Two replicas more for the sale"],
)


type VersionNumber = Annotated[int, Field(ge=1, le=999_999_999), BeforeValidator(integral)]


def _no_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


class PutIntent(BaseModel):
    """What an intent is to be from now on: a new version, unless its definition is this one already."""

    model_config = ConfigDict(extra="forbid", strict=True)

    definition: dict[str, Any] = Field(description="The whole definition; the versions before keep theirs.")
    description: str | None = Field(default=None, description="What it is for; null: as before.")
    labels: dict[str, str] | None = Field(default=None, description="All of its labels; null: as before.")
    message: str | None = MESSAGE
    activate: bool = Field(
        default=True,
        description="`false` stores the version as a draft, while the active one goes on; a PATCH with "
        "`active_version` puts it to use.",
    )


class PatchIntent(BaseModel):
    """A JSON merge patch (RFC 7396) of an intent: what is not named stays, null takes away."""

    model_config = ConfigDict(extra="forbid", strict=True)

    status: Literal["draft", "active", "deprecated", "archived"] = Field(
        default=None,  # type: ignore[arg-type]  # it may be left out, not be null
        description="draft → active; active ↔ deprecated; any → archived; archived → active or draft.",
        json_schema_extra=_no_default,
    )
    description: str | None = Field(default=None, description="What it is for.")
    labels: dict[str, str | None] | None = Field(
        default=None, description="Labels to set; a label of null is taken away.", examples=[{"team": "web"}]
    )
    active_version: VersionNumber = Field(
        default=None,  # type: ignore[assignment]  # as above
        description="Put this later version to use.",
        json_schema_extra=_no_default,
    )
    successor: str | None = Field(
        default=None,
        description="The name or id of what is to be used instead of a deprecated intent.",
        examples=["deploy-everywhere"],
    )


class RollbackIntent(BaseModel):
    """Which version's content is to be active again, as a new version."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: VersionNumber = Field(examples=[1])
    message: str | None = MESSAGE


class IntentVersion(BaseModel):
    """One version of an intent in its history; get it by its id to see the definition."""

    id: str = Field(description="`<name>-v<version>`.", examples=["deploy-application-v1"])
    name: str = Field(examples=["deploy-application"])
    version: int = Field(ge=1, examples=[1])
    state: VersionState = Field(
        description="`active`: what the name stands for; `draft`: later than that; `superseded`: before."
    )
    content_hash: str = Field(pattern="^sha256:[0-9a-f]{64}$")
    message: str | None
    created_at: str = Field(examples=["2024-01-04T10:00:00.000000Z"])
    created_by: str = Field(examples=["ada@tenant-123"])


class IntentVersionPage(Page[IntentVersion]):
    """A page of an intent's versions, the newest first."""


class DiffQuery(BaseModel):
    """Which two versions to compare."""

    model_config = ConfigDict(extra="forbid")

    old: Annotated[
        VersionNumber | None,
        Field(alias="from", description="The version before; as a rule, the one before `to`."),
    ] = None
    new: Annotated[
        VersionNumber | None, Field(alias="to", description="The version after; as a rule, the latest.")
    ] = None


class PatchOperation(BaseModel):
    """One operation of a JSON Patch (RFC 6902)."""

    op: Literal["add", "remove", "replace", "move"]
    path: str = Field(description="A JSON pointer into the definition.", examples=["/steps/1/replicas"])
    origin: str | None = Field(default=None, alias="from", description="Where a `move` takes it from.")
    value: Any = None


class IntentDiff(BaseModel):
    """What changed from one version of an intent to another."""

    name: str = Field(examples=["deploy-application"])
    old: int = Field(alias="from", examples=[1])
    new: int = Field(alias="to", examples=[2])
    patch: list[PatchOperation] = Field(description="Makes the one definition of the other.")
    text: str = Field(
        description="The same in words, a line for each change.",
        examples=["step 'deploy': replicas: 2 → 4\nstep 'verify' (http-request) added after 'deploy'"],
    )
