"""What an execution would do, before it does anything: the order, the inputs as far as they are known.

Expressions over ``parameters`` and ``target`` are resolved; those over the results of steps, over the
execution itself, or that are secrets, stay as they are written and are pointed out.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from shared.domain.actions import ActionSpec
from shared.domain.canonical import content_hash
from shared.domain.errors import FieldError
from shared.domain.expressions import ExpressionError, check, condition, resolve
from shared.domain.graphs import topological
from shared.domain.intents import Intent
from shared.domain.mentions import expressions_in
from shared.domain.plans import Plan, PlanStep
from shared.domain.pointers import pointer, pointer_along
from shared.domain.steps import MAX_ITEMS, RUN_INTENT
from shared.domain.templates import has_template

MAX_RESOLVED: Final = 4 * 1024 * 1024
"""About how many bytes of JSON are read and made to resolve inputs; what is beyond stays as it is written.
A thousand steps may each name the same large parameter."""

_KNOWN: Final = frozenset({"parameters", "target"})


def plan_hash(intent_id: str, plan: Plan, parameters: Mapping[str, Any]) -> str:
    """What binds an execution to what was reviewed: version, plan, and the values of all parameters."""
    return content_hash({"intent_id": intent_id, "plan": plan.hash, "parameters": dict(parameters)})


@dataclass(frozen=True, slots=True)
class Unresolved:
    """An input that is known only when the step runs; ``steps`` are those whose results it waits for."""

    pointer: str
    steps: Sequence[str]


@dataclass(frozen=True, slots=True)
class Inputs:
    """An action's parameters, with what could be resolved in place of its expression.

    ``where`` is where the action takes effect with these, if it says.
    """

    values: Mapping[str, Any]
    unresolved: Sequence[Unresolved]
    where: str | None


@dataclass(frozen=True, slots=True)
class Items:
    """What a step is run for: the list, or what there is of it, as its expression."""

    value: Any
    unresolved: Sequence[Unresolved]


@dataclass(frozen=True, slots=True)
class StepPreview:
    """One step before it runs.

    Attributes:
        last: whether it is one of ``finally``.
        items: what it is run for, if it is run for each item of a list.
        undone_with: the inputs of what undoes it, if there is such a thing.
        holds: what its ``when`` comes to; None while that is not known.
    """

    step: PlanStep
    last: bool
    inputs: Inputs
    items: Items | None
    undone_with: Inputs | None
    holds: bool | None


@dataclass(frozen=True, slots=True)
class Preview:
    """An execution before it begins.

    Attributes:
        levels: ids of steps; those of a level wait for some of the level before, and not for each other.
        permissions: what somebody must be permitted for a step to complete, by its action.
        runs: the versions that its steps would execute if they began now, by the names they have for them.
        warnings: what is allowed and perhaps not meant, or would make a step fail.
        blockers: why executing it now would be refused.
    """

    intent: Intent
    plan: Plan
    parameters: Mapping[str, Any]
    hash: str
    steps: Sequence[StepPreview]
    levels: Sequence[Sequence[str]]
    permissions: Mapping[str, str]
    warnings: Sequence[FieldError]
    blockers: Sequence[FieldError] = ()
    runs: Mapping[str, Intent] = field(default_factory=dict[str, Intent])

    def places_of_secret(self, name: str) -> Iterator[str]:
        """Where in the graph steps, and what undoes them, are given the secret."""
        for position, one in enumerate(self.steps):
            at = pointer("graph", "nodes", position)
            if name in one.step.secrets:
                yield f"{at}/inputs"
            if one.step.compensate and name in one.step.compensate.secrets:
                yield f"{at}/compensate/inputs"

    def child_of(self, step: PlanStep) -> Intent | None:
        """What a ``run-intent`` step would execute."""
        return self.runs.get(step.parameters["intent"]) if step.action == RUN_INTENT else None


def make_preview(
    intent: Intent, plan: Plan, parameters: Mapping[str, Any], actions: Mapping[str, ActionSpec]
) -> Preview:
    """What executing ``plan`` with these (valid, completed) parameters would do."""
    looking = _Looking(plan, parameters, actions)
    steps = [looking.step(position, step) for position, step in enumerate(plan.every_step)]
    return Preview(
        intent,
        plan,
        parameters,
        plan_hash(intent.id, plan, parameters),
        steps,
        [*_levels(plan.steps), *_levels(plan.last)],
        {name: actions[name].permission for name in plan.actions},
        looking.found,
    )


def _levels(steps: Sequence[PlanStep]) -> list[list[str]]:
    waits_for = {step.id: step.depends_on for step in steps}
    depth: dict[str, int] = {}
    for id_ in topological(waits_for):
        depth[id_] = 1 + max((depth[before] for before in waits_for[id_]), default=-1)
    levels: list[list[str]] = [[] for _ in range(1 + max(depth.values(), default=-1))]
    for step in steps:
        levels[depth[step.id]].append(step.id)
    return levels


@dataclass
class _Looking:
    """One look at a plan: what it found wrong, and what it may still spend."""

    plan: Plan
    parameters: Mapping[str, Any]
    actions: Mapping[str, ActionSpec]
    found: list[FieldError] = field(default_factory=list[FieldError])
    left: int = MAX_RESOLVED

    def __post_init__(self) -> None:
        self._known = frozenset(step.id for step in self.plan.every_step)
        self._sizes = {name: _size(value) for name, value in self.parameters.items()}
        self._size = sum(self._sizes.values())

    def step(self, position: int, step: PlanStep) -> StepPreview:
        at = pointer("graph", "nodes", position)
        holds = True if step.when is None else self._holds(step.when, f"{at}/when")
        return StepPreview(
            step,
            position >= len(self.plan.steps),
            self._inputs(step, f"{at}/inputs"),
            None if step.foreach is None else self._items(step.foreach, f"{at}/foreach"),
            self._inputs(step.compensate, f"{at}/compensate/inputs") if step.compensate else None,
            holds,
        )

    def _inputs(self, step: PlanStep, at: str) -> Inputs:
        unresolved: list[Unresolved] = []
        values = self._value(step.parameters, "", at, unresolved)
        if not unresolved:
            for problem in self.actions[step.action].problems(values):
                self._warn(pointer_along(at, problem.path), problem.code, problem.message)
        return Inputs(values, unresolved, self.actions[step.action].where(values))

    def _items(self, foreach: Any, at: str) -> Items:
        unresolved: list[Unresolved] = []
        value = self._value(foreach, "", f"{at}/items", unresolved)
        if not unresolved and not (isinstance(value, list) and len(value) <= MAX_ITEMS):
            self._warn(f"{at}/items", "FOREACH", f"the step will fail: it takes a list of up to {MAX_ITEMS}")
        return Items(value, unresolved)

    def _holds(self, source: str, at: str) -> bool | None:
        try:
            names, _ = self._names([source])
            return None if names is None else condition(source, names)
        except ExpressionError as error:
            self._warn(at, "EXPRESSION", str(error))
            return None

    def _value(self, value: Any, at: str, root: str, unresolved: list[Unresolved]) -> Any:
        match value:
            case str() if has_template(value):
                return self._text(value, at, root, unresolved)
            case Mapping():
                parts = value.items()
                return {key: self._value(one, at + pointer(key), root, unresolved) for key, one in parts}
            case list():
                return [self._value(one, at + pointer(i), root, unresolved) for i, one in enumerate(value)]
            case _:
                return value

    def _text(self, text: str, at: str, root: str, unresolved: list[Unresolved]) -> Any:
        try:
            names, steps = self._names(list(expressions_in(text)))
            if names is not None:
                value = resolve(text, names)
                self.left -= _size(value)
                return value
        except ExpressionError as error:
            self._warn(root + at, "EXPRESSION", f"the step will fail: {error}")
            steps = ()
        unresolved.append(Unresolved(at, steps))
        return text

    def _names(self, sources: Sequence[str]) -> tuple[Mapping[str, Any] | None, Sequence[str]]:
        """What the expressions name, if that is known and can be afforded, and the steps among it."""
        uses = [check(source, self._known) for source in sources]
        steps = {access.step for use in uses for access in use.accesses if access.step is not None}
        if any(use.variables - _KNOWN for use in uses):
            return None, sorted(steps)
        named = {name for use in uses for name in use.parameters}
        given, cost = self.parameters, self._size
        if None not in named:
            given = {name: given[name] for name in named if name is not None and name in given}
            cost = sum(self._sizes[name] for name in given)
        if cost > self.left:
            return None, ()
        self.left -= cost
        return {"parameters": given, "target": self.plan.target}, ()

    def _warn(self, at: str, code: str, message: str) -> None:
        self.found.append(FieldError(at, code, message))


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False))
