"""A large graph of no simple shape: its history is forgotten, and nobody waits long for that."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from shared.workflow.breathing import PATIENCE
from shared.workflow.cutting import BREATHE_AFTER, cut
from shared.workflow.work import Work
from tests.workflow.engine import Action, Event, Instance
from tests.workflow.generators import Generators
from tests.workflow.plans import Graph
from tests.workflow.world import Outcome, World

DONE: Outcome = {"status": "completed"}


class Counting(Generators):
    """Counts the events that are replayed, which is what a replay costs."""

    replayed = 0

    def replay(self, instance: Instance, turns: Sequence[Sequence[Event]]) -> list[Action]:
        self.replayed += sum(len(turn) for turn in turns)
        return super().replay(instance, turns)


def tangle(count: int) -> Graph:
    """Each step waits for up to three of those shortly before it."""
    random = Random(count)
    return {
        f"s{at}": [f"s{one}" for one in random.sample(range(max(0, at - 40), at), min(at, 1 + at % 3))]
        for at in range(count)
    }


def run(graph: Graph, durations: Mapping[str, float]) -> tuple[World, int]:
    """Run the graph; a step takes between one and three seconds, unless ``durations`` says otherwise."""

    def act(request: Mapping[str, Any]) -> tuple[float, Outcome]:
        step: str = request["step"]
        return durations.get(step, 1 + len(step + step[-1]) % 3), DONE

    counting = Counting()
    world = World(counting, act)
    world.run(Work("acme", "E", cut(graph), breathe_after=BREATHE_AFTER).to_json())
    (end,) = world.finished
    assert end["status"] == "completed"
    assert len(world.attempts) == len(graph)
    return world, counting.replayed


def test_a_step_of_a_thousand_costs_no_more_to_replay_than_one_of_three_hundred() -> None:
    costs = [run(tangle(count), {})[1] / count for count in (300, 1000)]
    assert costs[1] < 1.2 * costs[0], costs


def test_nobody_waits_longer_for_that_than_it_is_worth() -> None:
    graph = tangle(600)
    graph["slow"] = []
    world, _ = run(graph, {"slow": 10_000})
    quick, _ = run(tangle(600), {})
    last = max(attempt.ended for attempt in world.attempts if attempt.request["step"] != "slow")
    pauses = len(graph) // BREATHE_AFTER
    assert last <= quick.now + pauses * PATIENCE
    assert last > quick.now, "nothing was held back, so nothing was shown"
