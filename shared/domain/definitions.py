"""Definitions: what an intent says should happen, as a target, declared parameters and steps."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from shared.domain.steps import Step, long_form

MAX_STEPS: Final = 1000
MAX_DEPTH: Final = 32
"""How deep objects and lists may be nested in a definition."""
LATER_SECTIONS: Final = frozenset({"finally"})


class Definition(BaseModel):
    """A whole definition; keys beside these three are descriptive (``version``, ``environment``)."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    target: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description="Where it happens, as expressions see it.", examples=["production"]
    )
    parameters: dict[str, Any] = Field(
        default={}, description="What an execution may be given, as a JSON Schema (2020-12) of an object."
    )
    steps: list[Step] = Field(default=[], description="What to do.")


def parse_definition(raw: Mapping[str, Any]) -> Definition:
    """The definition that ``raw`` spells; it must have passed validation.

    Raises:
        pydantic.ValidationError: it has not.
    """
    steps = [long_form(step, position) for position, step in enumerate(raw.get("steps") or [], start=1)]
    return Definition.model_validate({**raw, "steps": steps})
