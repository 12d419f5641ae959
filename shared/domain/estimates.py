"""How long an execution will still take, judged by what the same steps took in executions that completed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from shared.domain.graphs import topological
from shared.domain.plans import Plan, PlanStep


@dataclass(frozen=True, slots=True)
class Taken:
    """How many seconds a step took once; one with ``foreach``, for how many items."""

    seconds: float
    items: int | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What steps took in ``based_on`` executions, as a rule (the median); what none had is not known."""

    based_on: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])
    seconds_per_item: Mapping[str, float] = field(default_factory=dict[str, float])

    def expected(self, step: str, items: int | None) -> float | None:
        """How many seconds the whole step takes, with so many items if they are known; None: who knows."""
        if items is not None and step in self.seconds_per_item:
            return items * self.seconds_per_item[step]
        return self.seconds.get(step)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a step stands: ``elapsed`` are the seconds since it began, ``done`` its items that have ended.

    ``items`` is how many there are; None: it has none, or nobody knows yet.
    """

    ended: bool = False
    failed: bool = False
    elapsed: float = 0
    items: int | None = None
    done: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """How many seconds are left, and until when (RFC 3339); None: nobody knows."""

    remaining: float | None = None
    expected_at: str | None = None
    based_on: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "remaining_seconds": self.remaining,
            "expected_at": self.expected_at,
            "based_on": self.based_on,
        }


NO_ESTIMATE: Final = Estimate()


def learned(executions: Sequence[Mapping[str, Taken]]) -> Past:
    """What there is to know from what the steps of past executions took."""
    every: dict[str, list[float]] = {}
    of_items: dict[str, list[float]] = {}
    for taken in executions:
        for step, one in taken.items():
            every.setdefault(step, []).append(one.seconds)
            if one.items:
                of_items.setdefault(step, []).append(one.seconds / one.items)
    return Past(
        len(executions),
        {step: median(seconds) for step, seconds in every.items()},
        {step: median(seconds) for step, seconds in of_items.items()},
    )


def remaining(plan: Plan, past: Past, standings: Mapping[str, Standing]) -> float | None:
    """Seconds until all steps have ended, each beginning as soon as it may.

    None if a step is left of which nothing is known. What waits for a step that failed never runs.
    """
    blocked = set(_blocked(plan, standings))
    total = 0.0
    for graph in (plan.steps, plan.last):
        path = _critical_path(graph, past, standings, blocked)
        if path is None:
            return None
        total += path
    return total


def left_of(step: str, past: Past, standing: Standing) -> float | None:
    """Seconds until the step has ended, from its beginning or from now."""
    if standing.ended:
        return 0.0
    if standing.items is not None and step in past.seconds_per_item:
        return max(0, standing.items - standing.done) * past.seconds_per_item[step]
    expected = past.expected(step, standing.items)
    return None if expected is None else max(0.0, expected - standing.elapsed)


def _critical_path(
    steps: Sequence[PlanStep], past: Past, standings: Mapping[str, Standing], blocked: Collection[str]
) -> float | None:
    """The longest way through what is left of a graph; its steps stand behind those that they wait for."""
    ends: dict[str, float] = {}
    for step in _in_order(steps):
        left = 0.0 if step.id in blocked else left_of(step.id, past, standings[step.id])
        if left is None:
            return None
        ends[step.id] = left + max((ends[before] for before in step.depends_on), default=0.0)
    return max(ends.values(), default=0.0)


def _blocked(plan: Plan, standings: Mapping[str, Standing]) -> Iterator[str]:
    """The steps that will not run, for one that they wait for has failed."""
    stopped = set[str]()
    for step in [*_in_order(plan.steps), *_in_order(plan.last)]:
        if not stopped.isdisjoint(step.depends_on):
            stopped.add(step.id)
            yield step.id
        elif standings[step.id].failed and not step.continue_on_error:
            stopped.add(step.id)


def _in_order(steps: Sequence[PlanStep]) -> Sequence[PlanStep]:
    """Each behind those that it waits for; a definition may have them in any order."""
    by_id = {step.id: step for step in steps}
    return [by_id[name] for name in topological({step.id: step.depends_on for step in steps})]
