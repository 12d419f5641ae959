"""Modules on the wire: what steps can do, with everything that their authors need to know."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from quantum.contract.pages import Page

type SideEffect = Literal["pure", "idempotent", "compensatable", "irreversible"]
type Support = Literal["callback", "cancel", "dry_run", "poll"]

_STRICT = ConfigDict(extra="forbid", strict=True)
_SIDE_EFFECT = (
    "`pure`: changes nothing outside. `idempotent`: doing it twice is doing it once. `compensatable`: can be "
    "undone. `irreversible`: none of these, so it is not repeated unless a step asks for that."
)


class Taking(BaseModel):
    """That a parameter, when it is left out, is what an earlier step offers."""

    kind: str = Field(description="What is taken, as the earlier action's `offers` has it.")
    unless: list[str] = Field(description="With one of these parameters, it is not taken.")
    optional: bool = Field(description="Whether it may be that no step before offers it.")


class Undoing(BaseModel):
    """What undoes a step that says nothing else of it."""

    action: str
    outputs: dict[str, str] = Field(
        description="Parameters of that action, each with the output of the step that it gets."
    )
    same: list[str] = Field(description="Parameters that it gets as the step has them.")


class Failure(BaseModel):
    """One way in which an action fails."""

    code: str = Field(examples=["HTTP_STATUS"])
    retryable: bool | None = Field(
        description="Whether another attempt may end otherwise; null: that depends on what happened."
    )
    meaning: str


class Action(BaseModel):
    """One kind of thing that a step can do."""

    name: str = Field(description="As steps name it.", examples=["http-request"])
    description: str
    side_effect: SideEffect = Field(description=_SIDE_EFFECT)
    parameters: dict[str, Any] = Field(description="JSON Schema of the parameters that steps give it.")
    outputs: dict[str, Any] = Field(description="JSON Schema of what it completes with.")
    supports: list[Support] = Field(
        description="`cancel`: what it has begun can be stopped. `dry_run`: it can say what it would do. "
        "`poll`: it may take long, and costs nothing meanwhile. `callback`: it may be called back."
    )
    permission: str = Field(
        description="The operation that somebody must be permitted for it to complete.",
        examples=["intents.execute"],
    )
    offers: dict[str, str] = Field(
        description="What later steps may take: the kind of each, and the output that it is.",
        examples=[{"image": "reference"}],
    )
    takes: dict[str, Taking] = Field(description="Parameters that earlier steps give, where a step does not.")
    undone_by: Undoing | None
    takes_secrets: list[str] = Field(description="Parameters that may have `${{ secrets.NAME }}` in them.")
    failures: list[Failure] = Field(
        description="The codes that it fails with, beside those of any step, and what a tenant's own module "
        "says itself."
    )
    examples: list[dict[str, Any]] = Field(description="Steps with it.")


class Circuit(BaseModel):
    """How a module's endpoint has been answering, as the process that was asked has found it."""

    state: Literal["closed", "open", "half-open"] = Field(
        description="`closed`: calls go through. `open`: it has failed again and again, and is left alone. "
        "`half-open`: the next call is let through, to try."
    )
    failures: int = Field(description="In a row.")
    until: str | None = Field(description="When an open one lets a call through.")


class Key(BaseModel):
    """What calls are signed with (Standard Webhooks), in words; the key itself is shown once."""

    number: int = Field(description="Which it is of those that there have been, from 1.")
    previous_until: str | None = Field(
        description="Until when calls are signed with the one before, too; null: there was none."
    )


class Module(BaseModel):
    """A set of actions. What is null is so of those that are built in."""

    name: str = Field(examples=["http"])
    description: str = Field(description="What it is for.")
    built_in: bool = Field(description="Whether it is the platform's own.")
    actions: list[Action] = Field(description="By name.")
    version: int | None = Field(
        description="Counts its manifests and endpoints; executions keep that which they were planned with."
    )
    endpoint: str | None = Field(examples=["https://modules.example.com/scanner"])
    timeouts: dict[str, float] | None = Field(description="Seconds that a call of each action may take.")
    circuit: Circuit | None
    key: Key | None
    created_at: str | None = Field(description="RFC 3339, UTC.", examples=["2024-01-04T10:00:00.000000Z"])
    created_by: str | None
    updated_at: str | None
    updated_by: str | None
    secret: str | None = Field(
        default=None,
        description="What calls are signed with: `whsec_` and base64. Only when it was just made.",
    )


class ModulePage(Page[Module]):
    """A page of modules, by name."""


class ManifestUndoing(BaseModel):
    """What undoes a step with this action, if its execution fails later."""

    model_config = _STRICT

    action: str = Field(description="Another action of this module.", examples=["release"])
    outputs: dict[str, str] = Field(
        description="Parameters of that action, each with the output of this one that it gets.",
        examples=[{"lease": "lease"}],
    )
    same: list[str] = Field(
        default=[], max_length=100, description="Parameters that it gets as this one had them."
    )


class ManifestAction(BaseModel):
    """One action, as the module's endpoint promises it."""

    model_config = _STRICT

    description: str = Field(description="What it does.")
    side_effect: SideEffect = Field(description=_SIDE_EFFECT)
    parameters: dict[str, Any] = Field(
        description="JSON Schema (2020-12) of its parameters, an object.",
        examples=[{"type": "object", "properties": {"image": {"type": "string"}}, "required": ["image"]}],
    )
    outputs: dict[str, Any] = Field(
        description="JSON Schema of what it completes with; anything else fails the step.",
        examples=[{"type": "object", "properties": {"findings": {"type": "integer"}}}],
    )
    supports: list[Support] = Field(
        default=[],
        max_length=4,
        description="What it answers to beside `run`; with `callback`, it is told an address to call.",
    )
    timeout: float = Field(
        default=30.0, description="Seconds that one call may take, 120 at most.", examples=[10]
    )
    takes_secrets: list[str] = Field(
        default=[],
        max_length=100,
        description="Parameters that may have `${{ secrets.NAME }}` in them; nothing of them may be kept.",
    )
    undone_by: ManifestUndoing | None = None
    examples: list[dict[str, Any]] = Field(default=[], max_length=5, description="Steps with it.")


class ModuleManifest(BaseModel):
    """What a module can do."""

    model_config = _STRICT

    description: str = Field(description="What it is for.", examples=["Scans images."])
    actions: dict[str, ManifestAction] = Field(description="By name: `scan` is `<module>/scan` in steps.")


class PutModule(BaseModel):
    """A module of the tenant's own, as it shall be."""

    model_config = _STRICT

    endpoint: str = Field(
        description="Where it is asked: `POST <endpoint>/actions/<action>`.",
        examples=["https://modules.example.com/scanner"],
    )
    manifest: ModuleManifest
