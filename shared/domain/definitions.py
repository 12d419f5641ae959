"""Definitions: what an intent says should happen, as a target, declared parameters and steps."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.domain.steps import Step, long_form

MAX_STEPS: Final = 1000
MAX_EXECUTION_TIME: Final = 90 * 86_400
"""The longest timeout of an execution, in seconds: 90 days."""
MAX_CONCURRENCY: Final = 100_000
"""The highest limit of executions that run at a time."""
MAX_DEPTH: Final = 32
"""How deep objects and lists may be nested in a definition."""
MAX_DEFINITION_BYTES: Final = 512 * 1024
"""Of a definition as JSON in ASCII. It is stored twice in one transaction: Cosmos DB takes 2 MB."""


class Concurrency(BaseModel):
    """How many executions of the intent run at a time, whichever version of it they are of."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    limit: int = Field(ge=1, le=MAX_CONCURRENCY, description="How many run at most.", examples=[1])
    policy: Literal["queue", "refuse"] = Field(
        default="queue",
        description="What becomes of more: they wait for their turn, or are refused.",
    )


class Definition(BaseModel):
    """A whole definition; keys beside these are descriptive (``version``, ``environment``)."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    target: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description="Where it happens, as expressions see it.", examples=["production"]
    )
    parameters: dict[str, Any] = Field(
        default={}, description="What an execution may be given, as a JSON Schema (2020-12) of an object."
    )
    steps: list[Step] = Field(default=[], description="What to do.")
    finally_: list[Step] = Field(
        default=[],
        alias="finally",
        description="What to do at last, whether the steps went well, failed or were cancelled.",
    )
    timeout: Annotated[float, Field(ge=1, le=MAX_EXECUTION_TIME)] | None = Field(
        default=None,
        description="Seconds that an execution may take; then it is cancelled. What undoes steps and what "
        "runs at last has its own timeouts.",
    )
    concurrency: Concurrency | None = Field(
        default=None, description="How many of its executions run at a time; without it, any number."
    )
    outputs: dict[str, Any] = Field(
        default={},
        description="What an execution that completes comes to.",
        examples=[{"image": "${{ steps.build.outputs.image }}"}],
    )

    @property
    def every_step(self) -> list[Step]:
        """The steps, and those of ``finally`` behind them."""
        return [*self.steps, *self.finally_]


def parse_definition(raw: Mapping[str, Any]) -> Definition:
    """The definition that ``raw`` spells; it must have passed validation.

    Raises:
        pydantic.ValidationError: it has not.
    """
    sections: dict[str, list[dict[str, Any]]] = {"steps": [], "finally": []}
    position = 0
    for section, steps in sections.items():
        for step in raw.get(section) or ():
            position += 1
            steps.append(long_form(step, position))
    return Definition.model_validate({**raw, **sections, "outputs": raw.get("outputs") or {}})
