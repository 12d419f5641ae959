"""Definitions: what an intent says should happen, as a target, declared parameters and steps."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from shared.domain.actions import ActionSpec
from shared.domain.errors import FieldError
from shared.domain.models import model_errors, not_available
from shared.domain.parameters import schema_errors
from shared.domain.pointers import pointer
from shared.domain.step_rules import entries, steps_errors
from shared.domain.steps import Step, long_form

_ROOT: Final = "/definition"
MAX_STEPS: Final = 1000
MAX_DEPTH: Final = 32
"""How deep objects and lists may be nested in a definition."""
LATER_SECTIONS: Final = frozenset({"finally"})


class Definition(BaseModel):
    """A whole definition; keys beside these three are descriptive (``version``, ``environment``)."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    target: Annotated[str, Field(max_length=256)] | None = None
    parameters: dict[str, Any] = {}
    steps: list[Step] = []


_MODEL: Final = TypeAdapter(Definition)


def parse_definition(raw: Mapping[str, Any]) -> Definition:
    """The definition that ``raw`` spells; it must have passed ``validate_definition``.

    Raises:
        pydantic.ValidationError: it has not.
    """
    steps = [long_form(step, position) for position, step in enumerate(raw.get("steps") or [], start=1)]
    return Definition.model_validate({**raw, "steps": steps})


def validate_definition(raw: Any, *, actions: Mapping[str, ActionSpec]) -> list[FieldError]:
    """Every rule that the definition ``raw`` breaks, with JSON pointers from ``/definition``."""
    if not isinstance(raw, Mapping):
        return [FieldError(_ROOT, "TYPE", "a definition is a JSON object")]
    if _too_deep(raw):
        message = f"a definition is nested at most {MAX_DEPTH} levels deep"
        return [FieldError(_ROOT, "TOO_DEEP", message)]
    errors = list(_head_errors(raw))
    steps = raw.get("steps")
    if isinstance(steps, list) and len(steps) <= MAX_STEPS:
        errors += steps_errors(entries(steps, _ROOT + "/steps", actions), actions)
    return errors


def _too_deep(value: Any) -> bool:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, Mapping) else item)
            if isinstance(child, Mapping | list)
        ]
        if not level:
            return False
    return True


def _head_errors(raw: Mapping[str, Any]) -> Iterator[FieldError]:
    yield from model_errors(_MODEL, {**raw, "steps": []}, _ROOT)
    for section in LATER_SECTIONS & raw.keys():
        yield not_available(pointer("definition", section), f"'{section}'")
    if isinstance(raw.get("parameters"), Mapping):
        yield from schema_errors(raw["parameters"], pointer("definition", "parameters"))
    steps = raw.get("steps")
    if steps is None:
        return
    if not isinstance(steps, list):
        yield FieldError(pointer("definition", "steps"), "TYPE", "steps is a list of objects")
    elif len(steps) > MAX_STEPS:
        message = f"a definition has at most {MAX_STEPS} steps, this one has {len(steps)}"
        yield FieldError(pointer("definition", "steps"), "TOO_MANY", message)
    else:
        for position, step in enumerate(steps):
            if not isinstance(step, Mapping):
                place = pointer("definition", "steps", position)
                yield FieldError(place, "TYPE", "a step is a JSON object with an 'action'")
