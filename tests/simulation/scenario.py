"""What a simulation plays, as data: definitions, what is asked of them and when, and how bad the world is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final, Literal

from shared.domain.steering import Verb
from shared.workflow.cutting import cut
from shared.workflow.work import Work
from tests.simulation.definitions import Json, definition
from tests.workflow.live import Unreliability

type Does = Literal["execute", "rehearse", Verb, "retry", "kill", "die writing", "hub away"]

DEEDS: Final[Sequence[Does]] = (
    *("execute", "execute", "execute", "rehearse", "cancel", "cancel", "retry", "retry"),
    *("pause", "pause", "resume", "terminate"),
    *("kill", "die writing", "die writing", "hub away"),
)


@dataclass(frozen=True, slots=True)
class Deed:
    """``which`` is the definition to execute, the execution to do something with, the process to kill, or
    how many transactions from now some process dies in one.
    """

    at: float
    does: Does
    which: int
    lasts: float = 0
    """Seconds for which the process, or the hub, is away."""


@dataclass(frozen=True, slots=True)
class Recut:
    """Cuts the work of an execution as a release with other constants would have done."""

    small: int
    bundle: int
    renew_after: int

    def __call__(self, data: Any) -> Any:
        work = Work.from_json(data)
        nodes = cut(_graph(work.nodes), small=self.small, bundle=self.bundle)
        last = cut(_graph(work.last), first_key=len(nodes), small=self.small, bundle=self.bundle)
        return replace(work, nodes=nodes, last=last, renew_after=self.renew_after).to_json()


def _graph(nodes: Any) -> dict[str, list[str]]:
    """What the steps of the nodes wait for."""
    ends = {node.key: [lane.steps[-1] for lane in node.lanes] for node in nodes}
    graph: dict[str, list[str]] = {}
    for node in nodes:
        for lane in node.lanes:
            before = [end for key in node.after for end in ends[key]]
            for step in lane.steps:
                graph[step] = before
                before = [step]
    return graph


def intent_name(number: int) -> str:
    """Of the definition in that place; one may run those behind it."""
    return f"intent-{number}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """``seed`` decides everything that is not said here: how long calls take, and which of them fail."""

    seed: int
    definitions: Sequence[Json]
    deeds: Sequence[Deed]
    processes: int
    failing: float
    stale: float
    unreliability: Unreliability
    recut: Recut
    most: int | None = None
    """How many executions the tenant lets run at a time."""

    @classmethod
    def of(cls, seed: int) -> "Scenario":
        random = Random(seed)
        count = random.choice([1, 2, 3])
        return cls(
            seed=seed,
            definitions=[
                definition(
                    random,
                    steps=random.choice([1, 2, 4, 6, 9, 12, 16] if number == 0 else [1, 2, 3]),
                    others=[intent_name(other) for other in range(number + 1, count)],
                )
                for number in range(count)
            ],
            deeds=[Deed(0, "execute", 0), *sorted(_deeds(random), key=lambda deed: deed.at)],
            processes=random.choice([1, 2, 3]),
            failing=random.choice([0, 0, 0.02, 0.1]),
            stale=random.choice([0, 0.6]),
            unreliability=random.choice(
                [
                    Unreliability(twice=0),
                    Unreliability(twice=0.3),
                    Unreliability(twice=0.1, late=0.3, slow=0.1, echoed=0.1, lag=random.choice([1, 30])),
                ]
            ),
            recut=Recut(random.choice([0, 30]), random.choice([4, 20]), random.choice([1, 3, 12])),
            most=Random(f"the limit of {seed}").choice([None, None, None, 1, 2]),
        )

    def smaller(self) -> Iterator["Scenario"]:
        """Itself without one thing or another, the most first."""
        for place in range(1, len(self.deeds)):
            yield replace(self, deeds=[*self.deeds[:place], *self.deeds[place + 1 :]])
        if self.unreliability != Unreliability(twice=0):
            yield replace(self, unreliability=Unreliability(twice=0))
        simplest = (
            {"most": None},
            {"failing": 0},
            {"stale": 0},
            {"processes": 1},
            {"recut": Recut(30, 20, 12)},
        )
        for simpler in simplest:
            if any(getattr(self, name) != value for name, value in simpler.items()):
                yield replace(self, **simpler)
        for number, one in enumerate(self.definitions):
            for less in _less(one):
                definitions = [*self.definitions[:number], less, *self.definitions[number + 1 :]]
                yield replace(self, definitions=definitions)


def _deeds(random: Random) -> Iterator[Deed]:
    for _ in range(random.choice([0, 1, 3, 5, 8])):
        yield Deed(
            at=random.choice([random.uniform(0, 3), random.uniform(0, 120)]),
            does=random.choice(DEEDS),
            which=random.randrange(8),
            lasts=random.choice([0.5, 5, 60]),
        )


def _less(one: Json) -> Iterator[Json]:
    """The definition without one of its parts."""
    for section in ("steps", "finally"):
        steps = one.get(section, [])
        for place, step in enumerate(steps):
            others = [*steps[:place], *steps[place + 1 :]]
            if (others or section == "finally") and not _named(step["id"], {**one, section: others}):
                yield {**one, section: others}
            for key in sorted(step.keys() - {"id", "action", "condition", "seconds", "value", "intent"}):
                trimmed = {name: value for name, value in step.items() if name != key}
                if key == "foreach":
                    trimmed = {k: v for k, v in trimmed.items() if k not in {"item", "concurrency"}}
                if key not in {"item", "concurrency"}:
                    yield {**one, section: [*steps[:place], trimmed, *steps[place + 1 :]]}
    for key in ("timeout", "outputs", "concurrency"):
        if key in one:
            yield {name: value for name, value in one.items() if name != key}


def _named(step: str, one: Json) -> bool:
    """Whether anything in the definition waits for the step, or names its results."""
    text = repr(one)
    return f"'{step}'" in text or f"steps.{step}." in text
