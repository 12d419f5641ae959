"""The rules of a definition's steps, each a function from what was sent to what it breaks.

They run on what was sent, not on a model of it: one wrong type must not hide the other errors.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter

from shared.domain.actions import ActionSpec, did_you_mean
from shared.domain.errors import FieldError
from shared.domain.expression_rules import condition_errors, template_errors
from shared.domain.expressions import ExpressionError, named_steps, references
from shared.domain.graphs import find_cycle
from shared.domain.models import model_errors, not_available
from shared.domain.pointers import pointer, pointer_along
from shared.domain.steps import KEYWORDS, LATER_ACTIONS, LATER_KEYWORDS, Step, long_form
from shared.domain.templates import has_template

_STEP: Final = TypeAdapter(Step)


@dataclass(frozen=True, slots=True)
class Entry:
    """One step as it was sent, and in its long form."""

    raw: Mapping[str, Any]
    step: dict[str, Any]
    at: str
    """The pointer to it."""
    spec: ActionSpec | None
    """Its action, if there is such a one."""

    @property
    def id(self) -> str:
        return str(self.step["id"])

    @property
    def parameters(self) -> dict[str, Any]:
        parameters: dict[str, Any] = self.step["parameters"]
        return self.spec.spelled_out(parameters) if self.spec else parameters

    def place(self, path: Sequence[str | int]) -> str:
        """The pointer to a parameter, in whichever form it was written."""
        long = self.raw.get("parameters")
        written_long = isinstance(long, Mapping) and (not path or path[0] not in self.raw)
        root = self.at + "/parameters" if written_long else self.at
        return pointer_along(root, _written(self.step["parameters"], path))


def _written(value: Any, path: Sequence[str | int]) -> Sequence[str | int]:
    """As much of ``path`` as the document has, and a key that is missing at its end.

    A model may see a list where one value was written, and has names for the branches of a union.
    """
    for depth, part in enumerate(path):
        if isinstance(value, Mapping) and (part in value or depth == len(path) - 1):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return path[:depth]
    return path


def entries(steps: Sequence[Any], root: str, actions: Mapping[str, ActionSpec]) -> list[Entry]:
    """Those of ``steps`` that are objects, with the pointers they have under ``root``."""
    return [
        Entry(step, long_form(step, position + 1), root + pointer(position), _spec(step, actions))
        for position, step in enumerate(steps)
        if isinstance(step, Mapping)
    ]


def _spec(step: Mapping[str, Any], actions: Mapping[str, ActionSpec]) -> ActionSpec | None:
    name = step.get("action")
    return actions.get(name) if isinstance(name, str) else None


def steps_errors(entries: Sequence[Entry], actions: Mapping[str, ActionSpec]) -> Iterator[FieldError]:
    known = frozenset(entry.id for entry in entries)
    for entry in entries:
        yield from _shape_errors(entry)
        yield from _action_errors(entry, actions)
        yield from _dependency_errors(entry, known)
        yield from _expression_errors(entry, known)
    yield from _duplicate_errors(entries)
    yield from _cycle_errors(entries, known)


def _shape_errors(entry: Entry) -> Iterator[FieldError]:
    """Wrong types and limits of the keywords, and parameters written twice."""
    if "action" not in entry.step:
        yield FieldError(entry.at, "REQUIRED", f"step '{entry.id}' has no 'action'")
    for keyword in sorted(LATER_KEYWORDS & entry.raw.keys()):
        yield not_available(entry.at + pointer(keyword), f"'{keyword}'")
    long = entry.raw.get("parameters")
    if long is not None and not isinstance(long, Mapping):
        yield FieldError(entry.at + "/parameters", "TYPE", "parameters is a JSON object")
    elif long is not None:
        for name in sorted(long.keys() & entry.raw.keys() - KEYWORDS):
            message = f"parameter '{name}' is given twice: beside 'action' and under 'parameters'; keep one"
            yield FieldError(entry.at + pointer("parameters", name), "DUPLICATE", message)
    yield from model_errors(_STEP, {"action": "none", **entry.step}, entry.at)


def _action_errors(entry: Entry, actions: Mapping[str, ActionSpec]) -> Iterator[FieldError]:
    name = entry.step.get("action")
    if not isinstance(name, str):
        return
    if name in LATER_ACTIONS and name not in actions:
        yield not_available(entry.at + "/action", f"the action '{name}'")
        return
    if entry.spec is None:
        message = f"there is no action '{name}'{did_you_mean(name, actions)}"
        yield FieldError(entry.at + "/action", "UNKNOWN_ACTION", message)
        return
    parameters = entry.parameters
    for problem in entry.spec.problems(parameters):
        if not _decided_at_run_time(parameters, problem.path):
            message = f"step '{entry.id}': {problem.message}"
            yield FieldError(entry.place(problem.path), problem.code, message)


def _decided_at_run_time(parameters: Any, path: Sequence[str | int]) -> bool:
    """Whether the value at ``path``, or one that it is a part of, has a ``${{ }}`` in it."""
    value = parameters
    for part in path:
        if isinstance(value, str) and has_template(value):
            return True
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            # The path may also name a branch of a union, which the document does not have.
            return value is not parameters and _any_template(value)
    return _any_template(value)


def _any_template(value: Any) -> bool:
    match value:
        case str():
            return has_template(value)
        case Mapping():
            return any(_any_template(item) for item in value.values())
        case list():
            return any(_any_template(item) for item in value)
        case _:
            return False


def _dependency_errors(entry: Entry, known: frozenset[str]) -> Iterator[FieldError]:
    for index, name in enumerate(_depends_on(entry)):
        place = entry.at + pointer("depends_on", index)
        if name == entry.id:
            yield FieldError(place, "CYCLE", f"step '{name}' depends on itself")
        elif name not in known:
            message = (
                f"step '{entry.id}' depends on '{name}', which is not a step of this intent"
                f"{did_you_mean(name, known - {entry.id})}"
            )
            yield FieldError(place, "UNKNOWN_STEP", message)


def _depends_on(entry: Entry) -> list[str]:
    names = entry.step.get("depends_on")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _expression_errors(entry: Entry, known: frozenset[str]) -> Iterator[FieldError]:
    when = entry.step.get("when")
    if isinstance(when, str) and when:
        yield from condition_errors(when, at=entry.at + "/when", step=entry.id, known=known)
    for name, value in entry.parameters.items():
        yield from template_errors(value, at=entry.place([name]), step=entry.id, known=known)


def _duplicate_errors(entries: Sequence[Entry]) -> Iterator[FieldError]:
    first: dict[str, str] = {}
    for entry in entries:
        if entry.id in first:
            message = f"there is another step '{entry.id}', at {first[entry.id]}; ids are unique in an intent"
            place = entry.at + "/id" if "id" in entry.raw else entry.at
            yield FieldError(place, "DUPLICATE", message)
        first.setdefault(entry.id, entry.at)


def _cycle_errors(entries: Sequence[Entry], known: frozenset[str]) -> Iterator[FieldError]:
    edges = {entry.id: _edges(entry, known) - {entry.id} for entry in entries}
    cycle = find_cycle(edges)
    if cycle:
        place = next(entry.at for entry in entries if entry.id == cycle[0])
        path = " → ".join([*cycle, cycle[0]])
        yield FieldError(place, "CYCLE", f"these steps wait for each other: {path}; remove one dependency")


def _edges(entry: Entry, known: frozenset[str]) -> frozenset[str]:
    found = set(_depends_on(entry))
    when = entry.step.get("when")
    try:
        found |= references(entry.parameters, known)
        if isinstance(when, str):
            found |= named_steps(when, known)
    except ExpressionError:
        pass  # reported where it stands
    return frozenset(found & known)
