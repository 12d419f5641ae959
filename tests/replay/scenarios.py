"""The executions whose histories are kept: one for each way in which an orchestration can go."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.workflow.cutting import cut
from shared.workflow.work import Result, Work
from tests.replay.deliveries import Delivery
from tests.replay.recorder import Recorder
from tests.workflow.world import Outcome, Word, World

type Graph = Mapping[str, Sequence[str]]

DONE: Outcome = {"status": "completed"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """``outcomes`` are what a step's activities come to, in order; None raises. The rest complete.

    Those of its compensation are under ``undo-`` and its name, those of its items under its name, ``/`` and
    their places.
    """

    graph: Graph
    outcomes: Mapping[str, Sequence[Outcome | None]] = field(
        default_factory=dict[str, Sequence[Outcome | None]]
    )
    tolerant: frozenset[str] = frozenset()
    cancel_at: float | None = None
    nudges: Sequence[tuple[float, str | Word]] = ()
    small: int = 30
    bundle: int = 20
    renew_after: int = 12
    last: Graph = field(default_factory=dict[str, Sequence[str]])
    compensatable: frozenset[str] = frozenset()
    timeout: float | None = None
    kept: Sequence[str] = ()
    """Of a retry: the compensatable steps that are kept, in the order of their ends."""

    def record(self) -> Recorder:
        """Run it through the registered functions, each activity taking a second."""
        recorder = Recorder()
        nodes = cut(self.graph, small=self.small, bundle=self.bundle)
        last = cut(self.last, first_key=len(nodes), small=self.small, bundle=self.bundle)
        work = Work(
            "acme",
            "execution",
            nodes,
            self.tolerant,
            renew_after=self.renew_after,
            last=last,
            timeout=self.timeout,
            compensatable=self.compensatable,
            so_far=Result(completed=[(step, "") for step in self.kept]),
        )
        World(recorder, self._actor()).run(work.to_json(), cancel_at=self.cancel_at, nudges=self.nudges)
        return recorder

    def _actor(self) -> Callable[[Mapping[str, Any]], tuple[float, Outcome | None]]:
        left = {step: list(outcomes) for step, outcomes in self.outcomes.items()}

        def act(request: Mapping[str, Any]) -> tuple[float, Outcome | None]:
            undoing = "undo-" if request.get("compensates") else ""
            item = f"/{request['item']}" if "item" in request else ""
            outcomes = left.get(undoing + request["step"] + item)
            return 1.0, outcomes.pop(0) if outcomes else DONE

        return act


def chain(name: str, length: int) -> dict[str, list[str]]:
    return {f"{name}{number}": [f"{name}{number - 1}"] if number else [] for number in range(length)}


RETRY: Outcome = {"status": "retry", "delay": 2.5}
PENDING: Outcome = {"status": "pending", "delay": 30, "token": {"job": 7}}
ASKED: Outcome = {"status": "pending", "delay": 3600, "token": "asked"}
REJECTED: Outcome = {"status": "failed", "error": {"code": "REJECTED", "message": "bob@acme rejected it"}}
GIVEN_UP: Outcome = {"status": "cancelled", "terminated": True}
PAUSE, RESUME, TERMINATE = {"pause": 1}, {"resume": 2}, {"terminate": True}
CALLED: Outcome = {"status": "pending", "delay": 86400, "token": {"status": 202}}
CHILD: Outcome = {"status": "pending", "delay": 3600, "token": "01J", "gives_up": True}
STOPPING: Outcome = CHILD
STOPPED: Outcome = {"status": "cancelled"}
FAILED: Outcome = {"status": "failed", "error": {"code": "HTTP_STATUS", "message": "answered 404"}}
DIAMOND: Graph = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


def _items(count: int, *, limit: int) -> Outcome:
    return {"status": "items", "count": count, "limit": limit}


SCENARIOS: Mapping[str, Scenario | Delivery] = {
    "linear": Scenario(chain("s", 3)),
    "parallel": Scenario(DIAMOND),
    "retry": Scenario(chain("s", 2), {"s0": [RETRY, RETRY, DONE]}),
    "pending": Scenario(chain("s", 2), {"s0": [PENDING, PENDING, DONE]}),
    "failure": Scenario({**DIAMOND, "e": []}, {"b": [FAILED]}),
    "tolerated": Scenario(DIAMOND, {"b": [FAILED]}, tolerant=frozenset({"b"})),
    "infrastructure": Scenario(chain("s", 2), {"s0": [None, None, DONE]}),
    "cancel": Scenario({**DIAMOND, "e": [], "f": ["e"]}, {"e": [PENDING]}, cancel_at=1.5),
    "renewed": Scenario(chain("s", 5), {"s2": [PENDING, DONE]}, renew_after=2),
    "segmented": Scenario({**chain("a", 5), **chain("b", 4)}, {"b1": [FAILED]}, small=0, bundle=4),
    "segmented-cancel": Scenario({**chain("a", 5), **chain("b", 4)}, small=0, bundle=4, cancel_at=2.5),
    "finally": Scenario(chain("s", 2), last=chain("f", 2)),
    "finally-failure": Scenario(chain("s", 2), {"s0": [FAILED], "f0": [FAILED]}, last=chain("f", 2)),
    "finally-cancel": Scenario(chain("s", 2), {"f0": [PENDING]}, last=chain("f", 1), cancel_at=0.5),
    "finally-renewed": Scenario(chain("s", 3), {"f1": [PENDING]}, last=chain("f", 3), renew_after=2),
    "finally-segmented": Scenario(chain("s", 1), last={**chain("a", 5), **chain("b", 4)}, small=0, bundle=4),
    "compensated": Scenario(
        {**DIAMOND, "e": ["d"]},
        {"e": [FAILED], "undo-b": [RETRY, FAILED], "undo-c": [PENDING]},
        compensatable=frozenset("abcd"),
        last=chain("f", 1),
    ),
    "compensated-cancel": Scenario(chain("s", 4), compensatable=frozenset({"s0", "s1"}), cancel_at=2.5),
    "compensated-items": Scenario(
        chain("s", 3),
        {"s1": [_items(4, limit=2)], "s2": [FAILED], "undo-s1": [_items(4, limit=2)], "undo-s1/2": [FAILED]},
        compensatable=frozenset({"s0", "s1"}),
    ),
    "compensated-items-cancel": Scenario(
        chain("s", 2),
        {"s1": [_items(60, limit=3)], "undo-s1": [_items(9, limit=3)]},
        compensatable=frozenset({"s0", "s1"}),
        cancel_at=3.5,
    ),
    "compensated-segmented": Scenario(
        {**chain("a", 5), **chain("b", 4)},
        {"b3": [FAILED]},
        compensatable=frozenset({"a0", "a1", "a4", "b0", "b2"}),
        small=0,
        bundle=4,
        renew_after=2,
    ),
    "retried": Scenario(
        chain("s", 3), {"s2": [FAILED]}, compensatable=frozenset({"k0", "k1", "s0"}), kept=["k0", "k1"]
    ),
    "retried-at-last": Scenario({}, kept=["k0"], compensatable=frozenset({"k0"}), last=chain("f", 2)),
    "nudged": Scenario(
        {"a": [], "b": []}, {"a": [PENDING, PENDING]}, nudges=[(0.5, "a"), (4, "a"), (5, "b")]
    ),
    "nudged-renewed": Scenario(chain("s", 4), {"s2": [PENDING]}, nudges=[(5.5, "s2")], renew_after=2),
    "nudged-segmented": Scenario(
        {**chain("a", 5), **chain("b", 4)}, {"b1": [PENDING]}, nudges=[(6.5, "b1")], small=0, bundle=4
    ),
    "items": Scenario(chain("s", 3), {"s1": [_items(4, limit=2), DONE], "s1/2": [RETRY, PENDING]}),
    "items-failure": Scenario(chain("s", 3), {"s1": [_items(6, limit=2), FAILED], "s1/1": [FAILED]}),
    "items-shared-out": Scenario(
        chain("s", 1), {"s0": [_items(40, limit=2), DONE], "s0/7": [PENDING]}, renew_after=4
    ),
    "items-cancel": Scenario(chain("s", 1), {"s0": [_items(40, limit=2)]}, cancel_at=3.5),
    "items-halted": Scenario(chain("s", 1), {"s0": [_items(40, limit=2), FAILED], "s0/7": [FAILED]}),
    "deadline": Scenario({**DIAMOND, "e": []}, {"e": [PENDING]}, timeout=1.5, last=chain("f", 1)),
    "deadline-renewed": Scenario(chain("s", 6), {"s5": [PENDING, PENDING]}, timeout=40, renew_after=2),
    "deadline-kept": Scenario(chain("s", 2), timeout=60),
    "approved": Scenario(chain("s", 3), {"s1": [ASKED, ASKED]}, nudges=[(30, "s1"), (31.5, "s1")]),
    "approval-expired": Scenario(chain("s", 3), {"s1": [ASKED, REJECTED]}),
    "paused": Scenario(
        {**DIAMOND, "e": []},
        {"a": [RETRY], "e": [PENDING]},
        nudges=[(0.5, PAUSE), (2, "e"), (40, PAUSE), (50, RESUME), (51.5, {"pause": 3}), (60, {"resume": 4})],
    ),
    "paused-renewed": Scenario(
        chain("s", 6), {"s3": [PENDING]}, nudges=[(4.5, PAUSE), (50, RESUME)], renew_after=2
    ),
    "paused-segmented": Scenario(
        {**chain("a", 5), **chain("b", 4)}, nudges=[(1.5, PAUSE), (9, RESUME)], small=0, bundle=4
    ),
    "paused-items": Scenario(
        chain("s", 1),
        {"s0": [_items(40, limit=2)] * 2},
        nudges=[(0.5, PAUSE), (9, RESUME), (12.5, {"pause": 3})],
        cancel_at=20,
    ),
    "paused-compensation": Scenario(
        chain("s", 3),
        {"s2": [FAILED]},
        compensatable=frozenset({"s0", "s1"}),
        last=chain("f", 2),
        nudges=[(3.5, PAUSE), (20, RESUME), (21.5, {"pause": 3}), (30, {"resume": 4})],
    ),
    "paused-child": Scenario(
        chain("s", 2),
        {"s0": [CHILD, {"status": "cancelled"}]},
        nudges=[(5, PAUSE)],
        cancel_at=20,
        renew_after=1,
    ),
    "terminated-at-last": Scenario(
        chain("s", 2), compensatable=frozenset({"s0"}), last=chain("f", 2), nudges=[(2.5, TERMINATE)]
    ),
    "paused-deadline": Scenario(chain("s", 3), nudges=[(0.5, PAUSE)], timeout=10, last=chain("f", 1)),
    "terminated": Scenario(
        {**DIAMOND, "e": []}, {"e": [PENDING]}, nudges=[(1.5, TERMINATE)], last=chain("f", 1)
    ),
    "terminated-segmented": Scenario(
        {**chain("a", 5), **chain("b", 4)}, {"b1": [PENDING]}, nudges=[(2.5, TERMINATE)], small=0, bundle=4
    ),
    "terminated-items": Scenario(chain("s", 2), {"s0": [_items(40, limit=2)]}, nudges=[(3.5, TERMINATE)]),
    "terminated-list": Scenario(chain("s", 2), {"s0": [_items(40, limit=2)]}, nudges=[(0.5, TERMINATE)]),
    "cancelled-list": Scenario(chain("s", 2), {"s0": [_items(40, limit=2)]}, cancel_at=0.5),
    "terminated-compensation": Scenario(
        chain("s", 3),
        {"s2": [FAILED]},
        compensatable=frozenset({"s0", "s1"}),
        last=chain("f", 2),
        nudges=[(3.5, TERMINATE)],
    ),
    "terminated-finally": Scenario(chain("s", 1), last=chain("f", 3), nudges=[(1.5, TERMINATE)]),
    "terminated-cancelling": Scenario(
        chain("s", 2), cancel_at=0.5, compensatable=frozenset({"s0"}), nudges=[(1.5, TERMINATE)]
    ),
    "terminated-paused": Scenario(chain("s", 2), nudges=[(0.5, PAUSE), (9, TERMINATE)]),
    "given-up": Scenario({**chain("a", 5), **chain("b", 4)}, {"b1": [GIVEN_UP]}, small=0, bundle=4),
    "called-back": Scenario(
        chain("s", 3), {"s0": [CALLED, CALLED], "s1": [CALLED]}, nudges=[(0.5, "s0"), (30, "s0"), (60, "s1")]
    ),
    "child": Scenario(chain("s", 2), {"s0": [CHILD]}, nudges=[(20, "s0")]),
    "child-items": Scenario(
        chain("s", 1),
        {"s0": [_items(40, limit=2), DONE], "s0/0": [CHILD], "s0/5": [CHILD]},
        nudges=[(9, {"step": "s0", "item": 0}), (12, {"step": "s0", "item": 5})],
        renew_after=4,
    ),
    "child-cancelled": Scenario(
        chain("s", 3),
        {"s1": [CHILD, STOPPING, STOPPED]},
        cancel_at=10,
        nudges=[(30, "s1")],
        compensatable=frozenset({"s0"}),
        last=chain("f", 1),
    ),
    "child-completed": Scenario(
        chain("s", 2), {"s0": [CHILD, STOPPING]}, cancel_at=10, compensatable=frozenset({"s0"})
    ),
    "child-broken-off": Scenario(chain("s", 2), {"s0": [{"status": "cancelled", "gives_up": True}, STOPPED]}),
    "child-cancelled-segmented": Scenario(
        {**chain("a", 5), **chain("b", 4)}, {"b1": [CHILD, STOPPED]}, small=0, bundle=4, cancel_at=9.5
    ),
    "child-halted": Scenario(
        chain("s", 2),
        {"s0": [_items(40, limit=2), FAILED], "s0/0": [CHILD, STOPPED], "s0/7": [FAILED]},
        renew_after=2,
    ),
    "child-terminated": Scenario(
        chain("s", 2), {"s0": [CHILD, STOPPING, STOPPED]}, cancel_at=10, nudges=[(20, TERMINATE)]
    ),
    "webhook": Delivery([None]),
    "webhook-retried": Delivery([5.5, 14.0, None]),
}
