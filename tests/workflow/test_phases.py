"""What runs when the steps have come to their end, and what the execution then comes to."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from shared.workflow.cutting import cut
from shared.workflow.work import Work
from tests.workflow.generators import Generators
from tests.workflow.world import Attempt, Outcome, World

type Graph = Mapping[str, Sequence[str]]

DONE: Outcome = {"status": "completed"}
FAILED: Outcome = {"status": "failed"}


def chain(name: str, length: int) -> dict[str, list[str]]:
    return {f"{name}{number}": [f"{name}{number - 1}"] if number else [] for number in range(length)}


def run(
    graph: Graph,
    last: Graph,
    outcomes: Mapping[str, Sequence[Outcome | None]] | None = None,
    *,
    cancel_at: float | None = None,
    small: int = 30,
    renew_after: int = 12,
) -> World:
    """Run it, every activity taking a second; what has no outcomes completes."""
    left = {step: list(listed) for step, listed in (outcomes or {}).items()}

    def act(request: Mapping[str, Any]) -> tuple[float, Outcome | None]:
        listed = left.get(request["step"])
        return 1.0, listed.pop(0) if listed else DONE

    nodes = cut(graph, small=small, bundle=4)
    after = cut(last, first_key=len(nodes), small=small, bundle=4)
    world = World(Generators(), act)
    world.run(Work("acme", "E", nodes, renew_after=renew_after, last=after).to_json(), cancel_at=cancel_at)
    assert len(world.finished) == 1
    assert all(instance.ended for instance in world.instances.values())
    return world


def of(world: World, *steps: str) -> list[Attempt]:
    return [attempt for attempt in world.attempts if attempt.request["step"] in steps]


@pytest.mark.parametrize(
    ("outcomes", "cancel_at", "status"),
    [({}, None, "completed"), ({"s0": [FAILED]}, None, "failed"), ({}, 0.5, "cancelled")],
    ids=["success", "failure", "cancellation"],
)
def test_what_runs_last_does_so_however_the_steps_went_and_knows_how(
    outcomes: Mapping[str, Sequence[Outcome]], cancel_at: float | None, status: str
) -> None:
    world = run({"s0": [], "s1": ["s0"], "x": []}, {"f": [], "g": []}, outcomes, cancel_at=cancel_at)
    assert world.finished[0]["status"] == status
    last = of(world, "f", "g")
    assert [attempt.request["ending"] for attempt in last] == [status, status]
    before = max(attempt.ended for attempt in of(world, "s0", "s1", "x"))
    assert all(attempt.began >= before for attempt in last)


def test_what_fails_at_last_fails_the_execution_and_never_hides_the_first_cause() -> None:
    alone = run(chain("s", 1), chain("f", 2), {"f0": [FAILED]}).finished[0]
    assert (alone["status"], alone["failed"], alone["blocked"]) == ("failed", ["f0"], ["f1"])
    second = run(chain("s", 2), chain("f", 1), {"s0": [FAILED], "f0": [FAILED]}).finished[0]
    assert (second["status"], second["failed"], second["blocked"]) == ("failed", ["s0", "f0"], ["s1"])
    cancelled = run(chain("s", 2), chain("f", 1), {"f0": [FAILED]}, cancel_at=0.5).finished[0]
    assert (cancelled["status"], cancelled["failed"], cancelled["cancelled"]) == ("cancelled", ["f0"], ["s1"])


@pytest.mark.parametrize("at", [1.5, 2.0, 2.5, 30.0])
def test_a_cancellation_that_comes_when_the_steps_are_done_stops_nothing(at: float) -> None:
    pending = {"status": "pending", "delay": 60, "token": "job"}
    world = run(chain("s", 1), chain("f", 2), {"f0": [pending, DONE]}, cancel_at=at)
    assert world.finished[0]["status"] == "completed"
    assert [attempt.request["step"] for attempt in world.attempts] == ["s0", "f0", "f0", "f1"]


def test_what_runs_last_may_be_long_and_wide_and_costs_one_activity_for_each_attempt() -> None:
    last = {**chain("a", 40), **chain("b", 40), "end": ["a39", "b39"]}
    world = run(chain("s", 30), last, small=0, renew_after=4)
    assert len(world.attempts) == 30 + 81
    assert world.finished[0]["status"] == "completed"
    assert {attempt.request.get("ending") for attempt in world.attempts[30:]} == {"completed"}
    assert len(world.instances) == 3
