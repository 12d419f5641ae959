"""The workflow against a model, in virtual time: random graphs, outcomes, durations and cancellations.

Every turn of every case replays the workflow from its start and must repeat what it did (``world.py``).
"""

from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.workflow.cutting import cut
from shared.workflow.work import Work
from tests.workflow.generators import Generators
from tests.workflow.plans import Case, Script, cases
from tests.workflow.world import Outcome, World


class Actor:
    """Plays the scripts, and holds the workflow to the order in which it may ask."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.calls: dict[str, int] = dict.fromkeys(case.graph, 0)
        self.ended: dict[str, str] = {}
        self.begun_at: dict[str, float] = {}
        self.ended_at: dict[str, float] = {}
        self.world = World(Generators(), self.act)
        self._expected: dict[str, tuple[int, Any]] = dict.fromkeys(case.graph, (1, None))

    def run(self, cancel_at: float | None = None) -> Mapping[str, Any]:
        self.world.run(self.case.work(), cancel_at=cancel_at)
        assert len(self.world.finished) == 1
        assert all(instance.ended for instance in self.world.instances.values())
        return self.world.finished[0]

    def act(self, request: Mapping[str, Any]) -> tuple[float, Outcome | None]:
        step = request["step"]
        assert step not in self.ended
        for before in self.case.graph[step]:
            assert self.ended[before] in {"completed", "skipped", "tolerated"}
            assert self.ended_at[before] <= self.world.now
        assert (request["attempt"], request["token"]) == self._expected[step]
        script = self.case.scripts[step]
        call = self.calls[step]
        self.calls[step] += 1
        self.begun_at.setdefault(step, self.world.now)
        duration, outcome = script.durations[call], script.outcomes[call]
        status = "failed" if outcome is None else outcome["status"]
        if status == "retry":
            self._expected[step] = (request["attempt"] + 1, None)
        elif status == "pending":
            assert outcome is not None
            self._expected[step] = (request["attempt"], outcome["token"])
        else:
            self.ended[step] = "tolerated" if status == "failed" and step in self.case.tolerant else status
            self.ended_at[step] = self.world.now + duration
        return duration, outcome


def expected(case: Case) -> tuple[set[str], set[str]]:
    """The steps that fail (untolerated) and the steps that these block, without a cancellation."""
    failed: set[str] = set()
    blocked: set[str] = set()
    waiting = dict(case.graph)
    while waiting:
        for step in [step for step, before in waiting.items() if not waiting.keys() & set(before)]:
            if (failed | blocked) & set(waiting.pop(step)):
                blocked.add(step)
            elif case.scripts[step].fails and step not in case.tolerant:
                failed.add(step)
    return failed, blocked


@given(cases())
@settings(max_examples=200, deadline=None)
def test_every_step_runs_in_order_and_the_end_is_as_the_graph_says(case: Case) -> None:
    actor = Actor(case)
    end = actor.run()
    failed, blocked = expected(case)
    assert set(end["failed"]) == failed
    assert set(end["blocked"]) == blocked
    assert end["cancelled"] == []
    assert end["status"] == ("failed" if failed else "completed")
    assert actor.ended.keys() == case.graph.keys() - blocked
    assert all(actor.calls[step] == len(case.scripts[step].outcomes) for step in actor.ended)


@given(cases(breathe_after=(0,)))
@settings(max_examples=200, deadline=None)
def test_cutting_delays_no_step(case: Case) -> None:
    actor = Actor(case)
    actor.run()
    for step, begun in actor.begun_at.items():
        assert begun == max((actor.ended_at[before] for before in case.graph[step]), default=0.0)


@given(cases(), st.integers(0, 40))
@settings(max_examples=200, deadline=None)
def test_a_cancelled_execution_begins_nothing_more_and_names_every_step_once(case: Case, at: int) -> None:
    actor = Actor(case)
    end = actor.run(cancel_at=float(at))
    named = [*end["failed"], *end["blocked"], *end["cancelled"]]
    well = [step for step, status in actor.ended.items() if status != "failed"]
    assert sorted([*named, *well]) == sorted(case.graph)
    assert all(attempt.began <= at for attempt in actor.world.attempts)
    if end["status"] != "cancelled":
        assert end["cancelled"] == []
    if max(attempt.ended for attempt in actor.world.attempts) > at:
        assert end["status"] == "cancelled"


@given(cases())
@settings(max_examples=40, deadline=None)
def test_only_the_steps_that_start_an_execution_are_first(case: Case) -> None:
    actor = Actor(case)
    actor.run()
    first = [attempt.request["step"] for attempt in actor.world.attempts if attempt.request["first"]]
    assert sorted(first) == sorted(step for step, before in case.graph.items() if not before)


def _run(graph: dict[str, list[str]], outcomes: Mapping[str, list[Outcome]]) -> Actor:
    done: list[Outcome] = [{"status": "completed"}]
    scripts = {step: Script([1] * 9, outcomes.get(step, done)) for step in graph}
    actor = Actor(Case(graph, scripts, frozenset(), renew_after=16, small=30, bundle=50))
    actor.run()
    return actor


def test_an_attempt_that_says_cancelled_stops_the_rest() -> None:
    graph = {"a": [], "b": ["a"], "c": [], "d": ["c"]}
    actor = _run(graph, {"a": [{"status": "cancelled"}]})
    end = actor.world.finished[0]
    assert end["status"] == "cancelled"
    assert set(end["cancelled"]) == {"a", "b", "d"}


def test_a_retry_waits_its_delay_and_counts_the_attempt() -> None:
    actor = _run({"a": []}, {"a": [{"status": "retry", "delay": 7}, {"status": "completed"}]})
    assert [(attempt.request["attempt"], attempt.began) for attempt in actor.world.attempts] == [
        (1, 0),
        (2, 8),
    ]


def test_a_pending_step_is_asked_again_with_its_token() -> None:
    pending = {"status": "pending", "delay": 60, "token": {"job": 5}}
    actor = _run({"a": []}, {"a": [pending, {"status": "completed"}]})
    requests = [attempt.request for attempt in actor.world.attempts]
    assert [(request["attempt"], request["token"]) for request in requests] == [(1, None), (1, {"job": 5})]


def test_a_long_chain_runs_in_one_orchestration_that_forgets_its_history() -> None:
    chain = {f"s{number}": [f"s{number - 1}"] if number else [] for number in range(200)}
    actor = _run(chain, {})
    assert list(actor.world.instances) == ["E"]
    assert actor.world.instances["E"].generation == 199 // 16
    assert list(actor.ended) == list(chain)


def test_a_wide_plan_is_shared_out_among_orchestrations() -> None:
    wide: dict[str, list[str]] = {f"s{number}": [] for number in range(200)}
    actor = _run(wide, {})
    assert len(actor.world.instances) == 1 + 200 // 50
    assert {attempt.began for attempt in actor.world.attempts} == {0}


def test_small_plans_run_in_one_orchestration() -> None:
    wide: dict[str, list[str]] = {f"s{number}": [] for number in range(30)}
    assert list(_run(wide, {}).world.instances) == ["E"]


def test_polling_for_ever_does_not_grow_the_history() -> None:
    pending = {"status": "pending", "delay": 5, "token": "job"}
    scripts = {"a": Script([0] * 500, [*[pending] * 499, {"status": "completed"}])}
    actor = Actor(Case({"a": []}, scripts, frozenset(), renew_after=16, small=30, bundle=50))
    actor.run()
    assert actor.world.instances["E"].generation > 50
    assert actor.ended_at["a"] == 499 * 5


def test_a_segment_that_is_lost_fails_its_steps_and_what_depends_on_them() -> None:
    graph: dict[str, list[str]] = {"a": [], "b": ["a"], "c": ["b"], "d": ["c"], "x": [], "end": ["d", "x"]}
    nodes = cut(graph, small=0, bundle=4)
    (apart,) = [node.key for node in nodes if node.apart]
    world = World(Generators(), lambda _: (1, {"status": "completed"}), lost=frozenset({f"E:{apart}"}))
    world.run(Work("acme", "E", nodes).to_json())
    end = world.finished[0]
    assert (end["status"], end["failed"], end["blocked"]) == ("failed", ["a"], ["b", "c", "d", "end"])
    assert [attempt.request["step"] for attempt in world.attempts] == ["x"]
