"""The time of a whole execution: when it is over, the steps are cancelled, and what comes after them runs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from shared.workflow.cutting import cut
from shared.workflow.work import Work
from tests.workflow.generators import Generators
from tests.workflow.world import Outcome, World

DONE: Outcome = {"status": "completed"}
PENDING: Outcome = {"status": "pending", "delay": 3600, "token": "job"}


def run(timeout: float, *, length: int = 5, renew_after: int = 12, small: int = 30, **more: Any) -> World:
    """A chain beside one that waits long, each activity taking a second, with a step that runs last."""
    waited = False

    def act(request: Mapping[str, Any]) -> tuple[float, Outcome | None]:
        nonlocal waited
        if request["step"] == "long" and not waited:
            waited = True
            return 1, PENDING
        return 1, DONE

    graph = {f"s{number}": [f"s{number - 1}"] if number else [] for number in range(length)} | {"long": []}
    nodes = cut(graph, small=small, bundle=4)
    work = Work("acme", "E", nodes, renew_after=renew_after, last=cut({"last": []}, first_key=len(nodes)))
    world = World(Generators(), act)
    world.run(replace(work, timeout=timeout, compensatable=frozenset({"s0"})).to_json(), **more)
    assert all(instance.ended for instance in world.instances.values())
    assert len(world.finished) == 1
    return world


@pytest.mark.parametrize("small", [0, 30], ids=["in segments", "in one"])
def test_when_its_time_is_over_an_execution_is_cancelled_undone_and_tidied(small: int) -> None:
    world = run(2.5, small=small)
    end = world.finished[0]
    assert (end["status"], end["expired"]) == ("cancelled", True)
    assert set(end["cancelled"]) == {"s3", "s4", "long"}
    assert world.marked == [{"tenant_id": "acme", "execution_id": "E", "status": "cancelling"}]
    assert [a.request["step"] for a in world.attempts if "ending" in a.request] == ["s0", "last"]


def test_an_execution_that_ends_in_time_knows_nothing_of_it() -> None:
    world = run(5000)
    assert world.finished[0]["status"] == "completed"
    assert "expired" not in world.finished[0]
    assert world.marked == []


def test_generations_share_one_deadline() -> None:
    world = run(40.5, length=30, renew_after=2)
    assert world.instances["E"].generation > 0
    assert (world.finished[0]["status"], world.finished[0]["expired"]) == ("cancelled", True)
    assert max(attempt.began for attempt in world.attempts) < 45


def test_who_cancels_first_is_the_cause() -> None:
    world = run(3.5, cancel_at=1.5)
    assert world.finished[0]["status"] == "cancelled"
    assert "expired" not in world.finished[0]
    assert world.marked == []
