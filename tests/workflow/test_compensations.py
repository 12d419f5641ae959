"""Undoing what completed: exactly that, in the reverse of the order in which it did, then what runs last."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.workflow.cutting import cut
from shared.workflow.work import Work
from tests.workflow.generators import Generators
from tests.workflow.plans import Case, Script, cases
from tests.workflow.world import Outcome, World

DONE: Outcome = {"status": "completed"}
FAILED: Outcome = {"status": "failed"}


class Undoing:
    """Plays the scripts of the steps, and ``undo`` for their compensations; all else completes."""

    def __init__(self, case: Case, undo: Mapping[str, Sequence[Outcome | None]] | None = None) -> None:
        self.case = case
        self.calls: dict[str, int] = dict.fromkeys(case.graph, 0)
        self.completed: dict[str, float] = {}
        self.undone: list[str] = []
        self.failed_to: list[str] = []
        self.lasted: list[str] = []
        self._undo = {step: list(outcomes) for step, outcomes in (undo or {}).items()}
        self.world = World(Generators(), self.act)

    def run(self, *, cancel_at: float | None = None) -> Mapping[str, Any]:
        work = Work.from_json(self.case.work())
        last = cut({"last": []}, first_key=len(work.nodes))
        work = replace(work, compensatable=frozenset(self.case.graph), last=last)
        self.world.run(work.to_json(), cancel_at=cancel_at)
        assert len(self.world.finished) == 1
        assert all(instance.ended for instance in self.world.instances.values())
        return self.world.finished[0]

    def act(self, request: Mapping[str, Any]) -> tuple[float, Outcome | None]:
        step = request["step"]
        if request.get("compensates"):
            return self._undoing(step, request)
        assert not self.undone or "ending" in request, "a step began after the undoing"
        if "ending" in request:
            self.lasted.append(step)
            return 1, DONE
        script = self.case.scripts[step]
        call = self.calls[step]
        self.calls[step] += 1
        outcome = script.outcomes[call]
        if outcome is not None and outcome["status"] == "completed":
            self.completed[step] = self.world.now + script.durations[call]
        return script.durations[call], outcome

    def _undoing(self, step: str, request: Mapping[str, Any]) -> tuple[float, Outcome | None]:
        assert not self.lasted, "something was undone after what runs last"
        assert request["ending"] in {"failed", "cancelled"}
        if step not in self.completed:  # it waited, and its record says that it did not complete
            assert self.case.scripts[step].outcomes[self.calls[step] - 1] != DONE
            return 1, {"status": "skipped"}
        listed = self._undo.get(step)
        outcome = listed.pop(0) if listed else DONE
        if outcome is None or outcome["status"] == "failed":
            self.failed_to.append(step)
        elif outcome["status"] == "completed":
            self.undone.append(step)
        return 1, outcome


def _check(undoing: Undoing, end: Mapping[str, Any]) -> None:
    if end["status"] == "completed":
        assert undoing.undone == []
    else:
        assert sorted(undoing.undone) == sorted(undoing.completed)
        times = [undoing.completed[step] for step in undoing.undone]
        assert times == sorted(times, reverse=True)
    position = {step: at for at, step in enumerate(undoing.undone)}
    for step, before in undoing.case.graph.items():
        for dependency in before:
            if step in position and dependency in position:
                assert position[step] < position[dependency]
    assert undoing.lasted == ["last"]
    assert "uncompensated" not in end


@given(cases())
@settings(max_examples=120, deadline=None)
def test_what_completed_is_undone_once_in_reverse_order_when_the_execution_fails(case: Case) -> None:
    undoing = Undoing(case)
    _check(undoing, undoing.run())


@given(cases(), st.integers(0, 40))
@settings(max_examples=120, deadline=None)
def test_what_completed_is_undone_when_the_execution_is_cancelled_at_any_time(case: Case, at: int) -> None:
    undoing = Undoing(case)
    _check(undoing, undoing.run(cancel_at=float(at)))


def _chain(length: int, *, renew_after: int = 12) -> Case:
    """A chain whose last step fails."""
    graph = {f"s{number}": [f"s{number - 1}"] if number else [] for number in range(length)}
    scripts = {step: Script([1], [DONE]) for step in graph}
    scripts[f"s{length - 1}"] = Script([1], [FAILED])
    return Case(graph, scripts, frozenset(), renew_after=renew_after, small=30, bundle=20)


def test_a_compensation_that_fails_is_named_and_the_others_go_on() -> None:
    undoing = Undoing(_chain(4), {"s1": [{"status": "retry", "delay": 5}, FAILED]})
    end = undoing.run()
    assert (undoing.undone, undoing.failed_to) == (["s2", "s0"], ["s1"])
    assert (end["status"], end["failed"], end["uncompensated"]) == ("failed", ["s3"], ["s1"])
    attempts = [a.request["attempt"] for a in undoing.world.attempts if a.request.get("compensates")]
    assert attempts == [1, 1, 2, 1]


def test_a_compensation_whose_record_is_lost_does_not_stop_the_others() -> None:
    undoing = Undoing(_chain(3), {"s1": [None]})
    assert undoing.run()["uncompensated"] == ["s1"]
    assert undoing.undone == ["s0"]


def test_a_cancellation_while_steps_are_undone_changes_nothing() -> None:
    undoing = Undoing(_chain(5))
    end = undoing.run(cancel_at=6.5)
    assert end["status"] == "failed"
    assert undoing.undone == ["s3", "s2", "s1", "s0"]


def test_undoing_a_long_chain_forgets_its_history_and_costs_one_activity_a_step() -> None:
    undoing = Undoing(_chain(200))
    undoing.run()
    assert undoing.undone == [f"s{number}" for number in reversed(range(199))]
    assert len(undoing.world.attempts) == 200 + 199 + 1
    assert undoing.world.instances["E"].generation > 2 * (199 // 13)
