"""What the expressions of a definition must keep to, checked before anything runs."""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.domain.actions import did_you_mean
from shared.domain.errors import FieldError
from shared.domain.expressions import (
    FIELDS,
    FUNCTIONS,
    LATER,
    NAMES,
    ExpressionError,
    check,
    expressions_in,
)
from shared.domain.pointers import pointer
from shared.domain.templates import StepAccess


def condition_errors(source: str, *, at: str, step: str, known: frozenset[str]) -> Iterator[FieldError]:
    """What is wrong with the bare expression ``source`` of the step ``step``."""
    try:
        use = check(source, known)
    except ExpressionError as error:
        yield FieldError(at, "EXPRESSION", f"step '{step}': {error}")
        return
    for access in use.accesses:
        yield from _access_errors(access, at=at, step=step, known=known)
    for name in use.unknown:
        if name in LATER:
            yield FieldError(at, "NOT_AVAILABLE", f"step '{step}': {LATER[name]}")
        else:
            message = (
                f"step '{step}': '{name}' in expression '{source}' is not a name that expressions know "
                f"({', '.join(sorted(NAMES))}){did_you_mean(name, NAMES)}"
            )
            yield FieldError(at, "UNKNOWN_NAME", message)
    for name in use.functions:
        message = (
            f"step '{step}': there is no function '{name}' in expressions{did_you_mean(name, FUNCTIONS)}"
        )
        yield FieldError(at, "UNKNOWN_FUNCTION", message)


def template_errors(value: Any, *, at: str, step: str, known: frozenset[str]) -> Iterator[FieldError]:
    """What is wrong with the ``${{ }}`` in ``value``, at any depth."""
    match value:
        case str():
            try:
                for source in expressions_in(value):
                    yield from condition_errors(source, at=at, step=step, known=known)
            except ExpressionError as error:
                yield FieldError(at, "EXPRESSION", f"step '{step}': {error}")
        case Mapping():
            for key, item in value.items():
                yield from template_errors(item, at=at + pointer(key), step=step, known=known)
        case list():
            for index, item in enumerate(value):
                yield from template_errors(item, at=at + pointer(index), step=step, known=known)
        case _:
            pass


def _access_errors(access: StepAccess, *, at: str, step: str, known: frozenset[str]) -> Iterator[FieldError]:
    if access.step is None:
        message = f"step '{step}': name one step, as steps.<id>.outputs or steps['<id>'].outputs"
        yield FieldError(at, "EXPRESSION", message)
    elif access.step == step:
        yield FieldError(at, "CYCLE", f"step '{step}' refers to its own results")
    elif access.step not in known:
        message = (
            f"step '{step}' refers to '{access.step}', which is not a step of this intent"
            f"{did_you_mean(access.step, known - {step})}"
        )
        yield FieldError(at, "UNKNOWN_STEP", message)
    elif access.field is not None and access.field not in FIELDS:
        message = (
            f"step '{step}': a step has {' and '.join(sorted(FIELDS))}, not '{access.field}'"
            f"{did_you_mean(access.field, FIELDS)}"
        )
        yield FieldError(at, "UNKNOWN_NAME", message)
