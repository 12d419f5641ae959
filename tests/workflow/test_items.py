"""A step for each item of a list: every item once, so many at a time, at a flat cost."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.workflow.cutting import SHARE, cut, cut_items
from shared.workflow.work import Work
from tests.workflow.generators import Generators
from tests.workflow.world import Attempt, Outcome, World

DONE: Outcome = {"status": "completed"}
FAILED: Outcome = {"status": "failed"}


class Looping:
    """Runs ``before -> each -> after``; ``outcomes`` are those of the items' attempts, all else completes."""

    def __init__(
        self,
        count: int,
        limit: int,
        outcomes: Mapping[int, Sequence[Outcome | None]] | None = None,
        durations: Mapping[int, float] | None = None,
        *,
        tolerant: bool = False,
    ) -> None:
        self.count, self.limit = count, limit
        self.outcomes = {item: list(listed) for item, listed in (outcomes or {}).items()}
        self.durations = durations or {}
        self.tolerant = tolerant
        self.failed = False
        self.world = World(Generators(), self.act)

    def run(self, **more: Any) -> Mapping[str, Any]:
        nodes = cut({"before": [], "each": ["before"], "after": ["each"]})
        tolerant = frozenset({"each"} if self.tolerant else ())
        self.world.run(Work("acme", "E", nodes, tolerant).to_json(), **more)
        assert all(instance.ended for instance in self.world.instances.values())
        (end,) = self.world.finished
        return end

    def act(self, request: Mapping[str, Any]) -> tuple[float, Outcome | None]:
        if request["step"] != "each":
            return 1, DONE
        if request.get("collect"):
            return 1, FAILED if self.failed and not self.tolerant else DONE
        if "item" not in request:
            return 1, {"status": "items", "count": self.count, "limit": self.limit}
        listed = self.outcomes.get(request["item"])
        outcome = listed.pop(0) if listed else DONE
        self.failed = self.failed or outcome is None or outcome["status"] == "failed"
        return self.durations.get(request["item"], 1), outcome

    def items(self) -> list[Attempt]:
        return [attempt for attempt in self.world.attempts if "item" in attempt.request]

    def most_at_once(self) -> int:
        marks = sorted(
            [(a.began, 1) for a in self.items()] + [(a.ended, -1) for a in self.items()],
            key=lambda mark: (mark[0], mark[1]),
        )
        most = now = 0
        for _, change in marks:
            now += change
            most = max(most, now)
        return most


@given(count=st.integers(1, 150), limit=st.integers(1, 20), seed=st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_every_item_runs_once_and_no_more_than_allowed_at_a_time(count: int, limit: int, seed: Any) -> None:
    looping = Looping(count, limit, durations={item: seed.choice([0.5, 1, 7]) for item in range(count)})
    end = looping.run()
    assert end["status"] == "completed"
    assert sorted(attempt.request["item"] for attempt in looping.items()) == list(range(count))
    assert looping.most_at_once() <= limit
    assert (
        len(looping.world.attempts) == count + 4
    )  # the steps around it, how many there are, what they came to


def test_what_depends_on_the_step_waits_for_all_items() -> None:
    looping = Looping(50, 5)
    looping.run()
    after = next(a for a in looping.world.attempts if a.request["step"] == "after")
    assert after.began > max(attempt.ended for attempt in looping.items())


def test_an_item_is_tried_again_and_polled_by_itself() -> None:
    pending = {"status": "pending", "delay": 5, "token": "job"}
    looping = Looping(40, 4, {3: [{"status": "retry", "delay": 9}, pending, DONE]})
    assert looping.run()["status"] == "completed"
    third = [a.request for a in looping.items() if a.request["item"] == 3]
    assert [(one["attempt"], one["token"]) for one in third] == [(1, None), (2, None), (2, "job")]
    assert len(looping.items()) == 42


@pytest.mark.parametrize(("count", "limit"), [(20, 4), (400, 4)])
def test_an_item_that_fails_stops_those_that_have_not_begun_and_the_step(count: int, limit: int) -> None:
    looping = Looping(count, limit, {5: [FAILED]})
    end = looping.run()
    assert (end["status"], end["failed"], end["blocked"], end["cancelled"]) == (
        "failed",
        ["each"],
        ["after"],
        [],
    )
    failed = next(a for a in looping.items() if a.request["item"] == 5)
    assert all(attempt.began <= failed.ended for attempt in looping.items())
    assert len(looping.items()) < count


def test_a_tolerated_failure_stops_no_other_item() -> None:
    looping = Looping(100, 7, {item: [FAILED] for item in range(0, 100, 3)}, tolerant=True)
    assert looping.run()["status"] == "completed"
    assert len(looping.items()) == 100


@pytest.mark.parametrize("count", [20, 400])
@pytest.mark.parametrize("at", [2.5, 4.0, 7.5])
def test_a_cancelled_execution_begins_no_other_item(count: int, at: float) -> None:
    looping = Looping(count, 3)
    end = looping.run(cancel_at=at)
    assert (end["status"], set(end["cancelled"])) == ("cancelled", {"each", "after"})
    assert all(attempt.began <= at for attempt in looping.items())
    assert not [a for a in looping.world.attempts if a.request.get("collect")]


@pytest.mark.parametrize("count", [10, 200])
def test_a_nudge_reaches_the_items_that_wait(count: int) -> None:
    waiting = {"status": "pending", "delay": 3600, "token": "decision"}
    looping = Looping(count, 5, {2: [waiting, DONE]})
    looping.run(nudges=[(1000, "each")])
    assert [a.began for a in looping.items() if a.request["item"] == 2][1] == 1000


class UndoingItems(Looping):
    """The same, followed by ``bad``, which fails; each item can be undone, but for those ``stuck``."""

    def __init__(self, count: int, limit: int, *, stuck: frozenset[int] = frozenset(), **more: Any) -> None:
        super().__init__(count, limit, **more)
        self.stuck = stuck

    def run(self, **more: Any) -> Mapping[str, Any]:
        nodes = cut({"before": [], "each": ["before"], "bad": ["each"]})
        compensatable = frozenset({"before", "each"})
        self.world.run(Work("acme", "E", nodes, compensatable=compensatable).to_json(), **more)
        assert all(instance.ended for instance in self.world.instances.values())
        (end,) = self.world.finished
        return end

    def act(self, request: Mapping[str, Any]) -> tuple[float, Outcome | None]:
        if not request.get("compensates"):
            return (1, FAILED) if request["step"] == "bad" else super().act(request)
        if request.get("collect"):
            return 1, FAILED if self.stuck else DONE
        if request["step"] != "each":
            return 1, DONE
        if "item" not in request:
            return 1, {"status": "items", "count": self.count, "limit": self.limit}
        return 1, FAILED if request["item"] in self.stuck else DONE

    def undone(self) -> list[Any]:
        """What was asked to be undone, in order: items by their places, steps by their names."""
        asked = [a.request for a in self.world.attempts if a.request.get("compensates")]
        return [one.get("item", one["step"]) for one in asked if not one.get("collect")]


@pytest.mark.parametrize("limit", [1, 3])
def test_items_are_undone_last_first_before_what_the_step_depends_on(limit: int) -> None:
    undoing = UndoingItems(7, limit)
    end = undoing.run()
    assert (end["status"], end["failed"]) == ("failed", ["bad"])
    assert "uncompensated" not in end
    assert undoing.undone() == ["each", 6, 5, 4, 3, 2, 1, 0, "before"]
    collected = [a for a in undoing.world.attempts if a.request.get("collect")]
    assert [a.request.get("compensates", False) for a in collected] == [False, True]
    assert undoing.most_at_once() <= limit


def test_an_item_that_cannot_be_undone_stops_no_other_and_its_step_is_told_once() -> None:
    undoing = UndoingItems(5, 2, stuck=frozenset({1, 3}))
    end = undoing.run()
    assert end["uncompensated"] == ["each"]
    assert sorted(item for item in undoing.undone() if item not in {"each", "before"}) == list(range(5))
    assert undoing.undone()[-1] == "before"


@pytest.mark.parametrize("count", [20, 400])
def test_of_a_step_that_failed_half_way_the_items_are_undone(count: int) -> None:
    undoing = UndoingItems(count, 4, outcomes={5: [FAILED]})
    end = undoing.run()
    assert (end["failed"], end["blocked"]) == (["each"], ["bad"])
    assert undoing.undone()[0] == "each"
    assert undoing.undone()[-1] == "before"


@pytest.mark.parametrize("count", [20, 400])
@pytest.mark.parametrize("at", [2.5, 4.0, 7.5])
def test_of_a_step_that_was_cancelled_half_way_too(count: int, at: float) -> None:
    undoing = UndoingItems(count, 3)
    end = undoing.run(cancel_at=at)
    assert end["status"] == "cancelled"
    assert undoing.undone()[0] == "each"
    assert undoing.undone()[-1] == "before"


def test_undoing_ten_thousand_items_costs_a_flat_share_too() -> None:
    undoing = UndoingItems(10_000, 10)
    undoing.run()
    assert len(undoing.undone()) == 10_000 + 2
    shares = math.ceil(10_000 / SHARE)
    assert len(undoing.world.instances) == 1 + 2 * (1 + shares)
    assert undoing.world.turns_run < 20_000 * 1.2


def test_ten_thousand_items_cost_a_flat_share_of_replays() -> None:
    looping = Looping(10_000, 10)
    assert looping.run()["status"] == "completed"
    assert len(looping.items()) == 10_000
    shares = math.ceil(10_000 / SHARE)
    assert len(looping.world.instances) == 2 + shares
    assert looping.world.turns_run < 10_000 * 1.2
    longest = max(len(instance.actions) for instance in looping.world.instances.values())
    assert longest <= shares + 1


def test_a_quick_lane_takes_more_items_than_a_slow_one() -> None:
    looping = Looping(20, 2, durations={0: 100})
    looping.run()
    assert [a.ended for a in looping.items() if a.request["item"] == 0] == [102]
    assert max(a.ended for a in looping.items() if a.request["item"] != 0) == 21


@given(st.integers(1, 10_000), st.integers(1, 100), st.booleans())
@settings(deadline=None)
def test_items_are_shared_out_whole(count: int, limit: int, backwards: bool) -> None:
    nodes = cut_items("each", count, limit, backwards=backwards)
    shares = [lane.items for node in nodes for lane in node.lanes]
    if backwards:
        shares.reverse()
    assert [item for first, end in filter(None, shares) for item in range(first, end)] == list(range(count))
    assert max(end - first for first, end in filter(None, shares)) <= SHARE
