"""Modules on the wire: what steps can do, with everything that their authors need to know."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from quantum.contract.pages import Page

type SideEffect = Literal["pure", "idempotent", "compensatable", "irreversible"]
type Support = Literal["callback", "cancel", "dry_run", "poll"]

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
    examples: list[dict[str, Any]] = Field(description="Steps with it.")


class Module(BaseModel):
    """A set of actions."""

    name: str = Field(examples=["http"])
    description: str = Field(description="What it is for.")
    built_in: bool = Field(description="Whether it is the platform's own.")
    actions: list[Action] = Field(description="By name.")


class ModulePage(Page[Module]):
    """A page of modules, by name."""
