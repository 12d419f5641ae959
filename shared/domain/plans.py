"""Plans: a definition made ready to run, as a snapshot that later edits never touch.

Steps become a graph: ``depends_on`` and every reference to another step's results make an edge. A
definition that names no edge at all runs top to bottom. The steps of ``finally`` are a graph of their own,
which runs when that of the others has come to its end.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from shared.domain.actions import ActionSpec, SideEffect
from shared.domain.canonical import content_hash
from shared.domain.definitions import Concurrency, Definition
from shared.domain.handovers import handovers
from shared.domain.mentions import named_steps, references, secrets_in
from shared.domain.steps import Retry, Step


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One step, ready to run. ``timeout`` is in seconds."""

    id: str
    action: str
    parameters: Mapping[str, Any]
    depends_on: tuple[str, ...]
    """Every step that must have ended well (or been skipped) before, in the plan's order."""
    references: frozenset[str]
    """The steps whose results this step's expressions name."""
    when: str | None
    timeout: float
    retry: Retry
    continue_on_error: bool
    side_effect: SideEffect
    compensate: "PlanStep | None" = None
    """What undoes it, under its id."""
    version: int | None = None
    """Of the tenant's module that the action is of: it is this one that runs, whatever there is by then."""
    foreach: Any = None
    """The items to run it for, or the expression that yields them; None: it runs once."""
    concurrency: int = 0

    @property
    def module(self) -> str:
        """The name of the tenant's module that the action is of."""
        return self.action.partition("/")[0]

    @property
    def secrets(self) -> frozenset[str]:
        """The secrets that its action is given."""
        return secrets_in(self.parameters)

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "action": self.action,
            "parameters": dict(self.parameters),
            "depends_on": list(self.depends_on),
            "references": sorted(self.references),
            "when": self.when,
            "timeout": self.timeout,
            "retry": self.retry.to_json(),
            "continue_on_error": self.continue_on_error,
            "side_effect": self.side_effect,
            **({} if self.version is None else {"version": self.version}),
            **(
                {"foreach": self.foreach, "concurrency": self.concurrency} if self.foreach is not None else {}
            ),
            **({"compensate": self.compensate.to_json()} if self.compensate else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "PlanStep":
        return cls(
            id=data["id"],
            action=data["action"],
            parameters=data["parameters"],
            depends_on=tuple(data["depends_on"]),
            references=frozenset(data["references"]),
            when=data["when"],
            timeout=data["timeout"],
            retry=Retry.model_validate(data["retry"]),
            continue_on_error=data["continue_on_error"],
            side_effect=data["side_effect"],
            version=data.get("version"),
            compensate=cls.from_json(data["compensate"]) if "compensate" in data else None,
            foreach=data.get("foreach"),
            concurrency=data.get("concurrency", 0),
        )


# Without slots: the cached properties live in the instance's dictionary.
@dataclass(frozen=True)
class Plan:
    """What one execution will do. Steps stand in the definition's order.

    Attributes:
        steps: what it is for.
        last: what runs at last (``finally``), however the steps went; ``depends_on`` is among these.
        outputs: what it comes to if it completes, with expressions.
        timeout: seconds after which it is cancelled, if it has not come to its end.
        concurrency: how many executions of its intent run at a time.
    """

    target: str | None
    steps: tuple[PlanStep, ...]
    last: tuple[PlanStep, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    timeout: float | None = None
    concurrency: Concurrency | None = None

    def step(self, id: str) -> PlanStep:
        """The step ``id``.

        Raises:
            LookupError: the plan has no such step.
        """
        return self._by_id[id]

    @cached_property
    def _by_id(self) -> dict[str, PlanStep]:
        return {step.id: step for step in self.every_step}

    @cached_property
    def every_step(self) -> tuple[PlanStep, ...]:
        return self.steps + self.last

    @property
    def actions(self) -> frozenset[str]:
        """Every action that it may come to."""
        undone = (step.compensate.action for step in self.every_step if step.compensate)
        return frozenset(step.action for step in self.every_step).union(undone)

    @cached_property
    def modules(self) -> Mapping[str, int]:
        """The tenant's modules that it may come to, and which version of each."""
        undone = (step.compensate for step in self.every_step if step.compensate)
        pinned = (step for step in (*self.every_step, *undone) if step.version is not None)
        return {step.module: step.version for step in pinned if step.version is not None}

    @cached_property
    def secrets(self) -> frozenset[str]:
        """Every secret that it may come to."""
        undone = (step.compensate.secrets for step in self.every_step if step.compensate)
        return frozenset[str]().union(*(step.secrets for step in self.every_step), *undone)

    @cached_property
    def referenced(self) -> frozenset[str]:
        """The steps whose results another step, or an output, names."""
        undone = (step.compensate.references for step in self.every_step if step.compensate)
        return self.named_in_outputs.union(*(step.references for step in self.every_step), *undone)

    @cached_property
    def named_in_outputs(self) -> frozenset[str]:
        return references(self.outputs, self._by_id) if self.outputs else frozenset()

    @cached_property
    def hash(self) -> str:
        """``sha256:…`` over the canonical JSON of the plan: equal plans, equal hashes."""
        return content_hash(self.to_json())

    def to_json(self) -> Mapping[str, Any]:
        """The plan as it is stored: the same object each time, for all executions of one plan."""
        return self._json

    @cached_property
    def _json(self) -> Mapping[str, Any]:
        return {
            "target": self.target,
            "steps": [step.to_json() for step in self.steps],
            **({"finally": [step.to_json() for step in self.last]} if self.last else {}),
            **({"outputs": dict(self.outputs)} if self.outputs else {}),
            **({"timeout": self.timeout} if self.timeout is not None else {}),
            **({"concurrency": self.concurrency.model_dump()} if self.concurrency else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Plan":
        return cls(
            data["target"],
            tuple(PlanStep.from_json(step) for step in data["steps"]),
            tuple(PlanStep.from_json(step) for step in data.get("finally", ())),
            data.get("outputs", {}),
            data.get("timeout"),
            Concurrency.model_validate(data["concurrency"]) if "concurrency" in data else None,
        )


def make_plan(definition: Definition, *, actions: Mapping[str, ActionSpec]) -> Plan:
    """The plan of a valid definition, with what steps hand to each other spelled out."""
    known = {step.id: position for position, step in enumerate(definition.every_step)}
    given = _given(definition.every_step, actions)
    return Plan(
        definition.target,
        _graph(definition.steps, known, actions, given),
        _graph(definition.finally_, known, actions, given, undone=False),
        definition.outputs,
        definition.timeout,
        definition.concurrency,
    )


def _given(steps: Sequence[Step], actions: Mapping[str, ActionSpec]) -> Mapping[str, Mapping[str, str]]:
    """The parameters that steps are handed by others, by the ids of those that take them."""
    given: dict[str, dict[str, str]] = {}
    for handed in handovers([_Stage(step, actions[step.action]) for step in steps]):
        if handed.giver is not None:
            given.setdefault(handed.step, {})[handed.parameter] = handed.reference
    return given


@dataclass(frozen=True, slots=True)
class _Stage:
    step: Step
    spec: ActionSpec

    @property
    def id(self) -> str:
        return self.step.id

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self.step.parameters

    @property
    def each(self) -> bool:
        return self.step.foreach is not None


def _graph(
    steps: Sequence[Step],
    known: Mapping[str, int],
    actions: Mapping[str, ActionSpec],
    given: Mapping[str, Mapping[str, str]],
    *,
    undone: bool = True,
) -> tuple[PlanStep, ...]:
    """``steps`` with the edges between them; ``known`` are the positions of all steps that there are.

    What steps are ``given`` without asking makes edges too, but does not make a definition one that has any:
    if its author has named none, it runs top to bottom, and the giver comes before.
    """
    named = [_references(step, known, actions[step.action]) for step in steps]
    own = frozenset(step.id for step in steps)
    in_order = not any(own & names for names in named) and not any(step.depends_on for step in steps)
    planned: list[PlanStep] = []
    for bare, asked in zip(steps, named, strict=True):
        step, referenced = bare, asked
        if bare.id in given:
            step = bare.model_copy(update={"parameters": {**bare.parameters, **given[bare.id]}})
            referenced = _references(step, known, actions[step.action])
        needed: Collection[str] = {*step.depends_on, *(referenced & own)}
        if in_order and planned:
            needed = [planned[-1].id]
        ordered = tuple(sorted(needed, key=known.__getitem__))
        compensation = _compensation(step, known, actions) if undone else None
        planned.append(_plan_step(step, ordered, referenced, actions[step.action], compensation))
    return tuple(planned)


def _compensation(step: Step, known: Collection[str], actions: Mapping[str, ActionSpec]) -> PlanStep | None:
    """What undoes ``step``: what it says itself, or else what its action does."""
    if step.compensate is not None:
        said = dict(step.compensate)
    elif not step.kept and (undoing := actions[step.action].undone_by):
        said = undoing.of(step.id, step.parameters)
    else:
        return None
    compensation = Step.model_validate({"id": step.id, **said})
    spec = actions[compensation.action]
    return _plan_step(compensation, (), _references(compensation, known, spec), spec)


def _references(step: Step, known: Collection[str], spec: ActionSpec) -> frozenset[str]:
    found = references([spec.spelled_out(step.parameters), step.foreach], known)
    return found if step.when is None else found | named_steps(step.when, known)


def _plan_step(
    step: Step,
    depends_on: Sequence[str],
    referenced: frozenset[str],
    spec: ActionSpec,
    compensate: PlanStep | None = None,
) -> PlanStep:
    return PlanStep(
        id=step.id,
        action=step.action,
        parameters=spec.spelled_out(step.parameters),
        depends_on=tuple(depends_on),
        references=referenced,
        when=step.when,
        timeout=step.timeout,
        retry=step.retry,
        continue_on_error=step.continue_on_error,
        side_effect=spec.side_effect,
        version=spec.version,
        compensate=compensate,
        foreach=step.foreach,
        concurrency=step.concurrency if step.foreach is not None else 0,
    )
