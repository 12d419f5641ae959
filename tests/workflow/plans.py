"""Random graphs of steps, and what each step shall come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import strategies as st

from shared.workflow.cutting import cut
from shared.workflow.work import Work
from tests.workflow.world import Outcome

type Graph = dict[str, list[str]]

ENDS = ("completed", "completed", "completed", "completed", "skipped", "failed", None)


@dataclass(frozen=True, slots=True)
class Script:
    """What a step's activities come to, one after the other; the last ends it (None: it raises)."""

    durations: Sequence[int]
    outcomes: Sequence[Outcome | None]

    @property
    def fails(self) -> bool:
        return self.outcomes[-1] is None or self.outcomes[-1]["status"] == "failed"


def _graph(random: Random, count: int) -> Graph:
    """An acyclic graph: a chain, a fan, layers or anything else, its steps in any order."""
    shape = random.choice(["any", "any", "chain", "fan", "layers"])
    names = [f"s{number}" for number in range(count)]
    graph: Graph = {}
    for position, name in enumerate(names):
        before = names[:position]
        match shape:
            case "chain":
                graph[name] = before[-1:]
            case "fan":
                graph[name] = before[:1] if position < count - 1 else before[1:]
            case "layers":
                layer = position // 3
                graph[name] = names[(layer - 1) * 3 : layer * 3] if layer else []
            case _:
                graph[name] = random.sample(before, min(position, random.randrange(4)))
    random.shuffle(names)
    return {name: graph[name] for name in names}


def _script(random: Random) -> Script:
    outcomes: list[Outcome | None] = [
        {
            "status": random.choice(["retry", "pending"]),
            "delay": random.choice([0, 1, 7]),
            "token": f"t{number}",
        }
        for number in range(random.choice([0, 0, 1, 3]))
    ]
    end = random.choice(ENDS)
    outcomes.append(None if end is None else {"status": end})
    return Script([random.randrange(6) for _ in outcomes], outcomes)


# Hypothesis draws the size and a seed, and Random the rest: thousands of draws a case would be slow.
def _randoms() -> st.SearchStrategy[Random]:
    return st.integers(0, 2**32).map(Random)


def graphs(*, most: int) -> st.SearchStrategy[Graph]:
    return st.builds(_graph, _randoms(), st.integers(1, most))


@dataclass(frozen=True, slots=True)
class Case:
    """One execution to be: its graph, its steps' scripts, the tolerant ones, and how it is cut."""

    graph: Graph
    scripts: Mapping[str, Script]
    tolerant: frozenset[str]
    renew_after: int
    small: int
    bundle: int
    breathe_after: int = 0

    def work(self) -> dict[str, Any]:
        nodes = cut(self.graph, small=self.small, bundle=self.bundle)
        return Work(
            "acme",
            "E",
            nodes,
            self.tolerant,
            renew_after=self.renew_after,
            breathe_after=self.breathe_after,
        ).to_json()


def _case(random: Random, count: int, renew_after: int, small: int, bundle: int, breathe_after: int) -> Case:
    graph = _graph(random, count)
    scripts = {step: _script(random) for step in graph}
    tolerant = frozenset(random.sample(sorted(graph), min(count, random.randrange(3))))
    return Case(graph, scripts, tolerant, renew_after, small, bundle, breathe_after)


def cases(*, breathe_after: tuple[int, ...] = (0, 1, 3)) -> st.SearchStrategy[Case]:
    return st.builds(
        _case,
        _randoms(),
        count=st.integers(1, 16),
        renew_after=st.sampled_from([1, 2, 4, 16]),
        small=st.sampled_from([0, 0, 30]),
        bundle=st.sampled_from([4, 6, 50]),
        breathe_after=st.sampled_from(breathe_after),
    )
