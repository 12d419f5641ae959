"""What holds of every execution, whatever happened to it: read from what is stored, from behind."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.domain.events import EXECUTION_TERMINAL, counter_of
from shared.domain.executions import TERMINAL_STATUSES
from shared.domain.plans import Plan, PlanStep
from shared.domain.steering import terminated

type Body = Mapping[str, Any]

ENDS: Final = {"completed", "failed", "skipped", "compensated", "compensation_failed"}
"""What the last event of the attempts of a step, an item or a compensation tells."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event; ``place`` is where it stands among those of its execution."""

    place: int
    type: str
    data: Body

    @property
    def step(self) -> str | None:
        return self.data.get("step")

    @property
    def attempt(self) -> int:
        """0: none. What was blocked or cancelled was never tried, and what is kept was elsewhere."""
        return int(self.data.get("attempt", 0))

    @property
    def end(self) -> str | None:
        """How it says that the step has ended, if it does; a retry tells of the ends that it keeps."""
        return counter_of(self.type, self.data)

    @property
    def compensates(self) -> bool:
        return bool(self.data.get("compensation"))


class Execution:
    """One execution: its documents in the order of the feed."""

    def __init__(self, bodies: Sequence[Body]) -> None:
        self.head = next(body for body in bodies if body["kind"] == "execution")
        self.status = str(self.head["status"])
        self.error: Body = self.head["error"] or {}
        self.plan = Plan.from_json(next(body for body in bodies if body["kind"] == "plan")["plan"])
        self.last = {step.id for step in self.plan.last}
        self.terminated = terminated(self.head)
        self.states = {body["step"]: body["status"] for body in bodies if body["kind"] == "step"}
        self.done: dict[str, set[int]] = defaultdict(set)
        """The items that have completed, by step."""
        for body in bodies:
            if body["kind"].startswith("item:") and body["status"] in {"completed", "compensated"}:
                self.done[body["step"]].add(body["item"])
        self.chunks = {body["id"] for body in bodies if body["kind"] == "output"}
        self.kept = [body["kept"] for body in bodies if "outputs" in body and body.get("kept")]
        """Of large outputs, how their chunks are found."""
        events = (body for body in bodies if body["kind"] == "event")
        self.told = [Told(place, event["type"], event["data"]) for place, event in enumerate(events)]

    @property
    def withdrawn(self) -> bool:
        """Whether it was cancelled before it had its turn."""
        return self.status == "cancelled" and not self.states and not any(one.step for one in self.told)

    def check(self) -> None:
        self.it_ends_once_and_nothing_is_told_after_it()
        self.each_attempt_is_told_once_and_after_the_one_before_it()
        self.every_step_ends_and_is_counted()
        self.no_step_begins_before_what_it_depends_on_has_ended_well()
        self.exactly_what_completed_is_undone()
        self.what_runs_last_does()
        self.the_outcome_says_what_failed_and_what_came_first()
        self.nothing_that_it_counted_is_left()
        self.all_of_a_dry_run_says_that_it_is_one()
        self.what_is_large_is_all_there()

    def of(self, step: str) -> list[Told]:
        """What is told of the step itself, but for its items and its compensation."""
        return [
            one
            for one in self.told
            if one.step == step and one.type.startswith("step_") and not one.compensates
        ]

    def end_of(self, step: str) -> Told | None:
        ends = [one for one in self.of(step) if one.end]
        assert len(ends) <= 1, f"step {step} ended more than once: {ends}"
        return ends[0] if ends else None

    def ended_as(self, step: str) -> str | None:
        end = self.end_of(step)
        return end.end if end else None

    def it_ends_once_and_nothing_is_told_after_it(self) -> None:
        types = [one.type for one in self.told]
        assert types[0] == "execution_started"
        assert types.count("execution_started") == 1
        assert self.status in TERMINAL_STATUSES, f"it is left {self.status}"
        ends = [name for name in types if name in EXECUTION_TERMINAL]
        assert ends == [f"execution_{self.status}"], f"{self.status} was told as {ends}"
        assert types[-1] == ends[0], f"told after the end: {types[types.index(ends[0]) :]}"
        assert self.head["finished_at"]

    def each_attempt_is_told_once_and_after_the_one_before_it(self) -> None:
        lines: dict[Any, list[tuple[str, int]]] = defaultdict(list)
        for one in self.told:
            kind, _, what = one.type.partition("_")
            if kind in {"step", "item"} and one.attempt:
                lines[one.step, one.data.get("item"), one.compensates].append((what, one.attempt))
        for key, line in lines.items():
            assert len(set(line)) == len(line), f"{key} told something twice: {line}"
            begun = [attempt for what, attempt in line if what in {"started", "compensating"}]
            assert begun == list(range(1, len(begun) + 1)), f"{key} began {begun}"
            retried = [attempt for what, attempt in line if what == "retrying"]
            assert retried == begun[: len(retried)], f"{key} tried {begun} and tells {retried}"
            assert len(begun) - len(retried) <= 1, f"{key} began again without a word: {line}"
            ended = [place for place, (what, _) in enumerate(line) if what in ENDS]
            assert ended in ([], [len(line) - 1]), f"{key} went on after its end: {line}"

    def every_step_ends_and_is_counted(self) -> None:
        ends = Counter(one.end for one in self.told)
        for counter in ("completed", "failed", "skipped"):
            assert self.head["progress"][counter] == ends[counter], f"{self.head['progress']}, told {ends}"
        for step in self.plan.every_step:
            ended, state = self.ended_as(step.id), self.states.get(step.id)
            if self.withdrawn:
                assert state is None
            elif ended is None:
                assert (self.status, state) == ("cancelled", "cancelled"), f"{step.id} is left {state}"
            else:
                assert state in {ended, "compensated"}, f"{step.id} was told as {ended} and is {state}"

    def no_step_begins_before_what_it_depends_on_has_ended_well(self) -> None:
        by_id = {step.id: step for step in self.plan.every_step}
        for step in self.plan.every_step:
            begun = [one for one in self.of(step.id) if one.attempt]
            for before in step.depends_on if begun else ():
                end = self.end_of(before)
                assert end, f"{step.id} began although {before} never ended"
                assert end.place < begun[0].place, f"{step.id} began before {before} ended"
                well = end.end != "failed" or by_id[before].continue_on_error
                assert well, f"{step.id} began although {before} failed"
                tried = end.attempt or end.type == "step_kept"
                assert tried, f"{step.id} began although {before} was blocked"

    def exactly_what_completed_is_undone(self) -> None:
        """One after the other, and nothing before what depends on it. What is not undone is named."""
        tried = [one for one in self.told if one.compensates and one.type.partition("_")[2] in ENDS]
        steps = [str(one.step) for one in tried if one.type.startswith("step_")]
        expected = {
            step.id
            for step in self.plan.steps
            if step.compensate and self._is_undone and self._has_completed(step)
        }
        assert len(set(steps)) == len(steps), f"something was undone twice: {steps}"
        assert expected.issuperset(steps), f"undone is {steps}, to be undone were {expected}"
        assert self.terminated or expected == set(steps), f"undone is {steps}, to be undone were {expected}"
        undone = {str(one.step) for one in tried if one.type == "step_compensated"}
        named = set(self.error.get("uncompensated", ()))
        left = expected - undone
        assert named <= left | self._without_items, f"named are {named}, and not undone are {left}"
        assert self.terminated or named >= left, f"named are {named}, and not undone are {left}"
        position = {step: place for place, step in enumerate(steps)}
        for step in self.plan.steps:
            for before in position.keys() & set(step.depends_on) if step.id in position else ():
                assert position[step.id] < position[before], f"{before} was undone before {step.id}"
            if step.foreach is not None:
                items = [one.data["item"] for one in tried if one.step == step.id and "item" in one.data]
                self._the_items_are_undone_that_completed(step, items)

    def _the_items_are_undone_that_completed(self, step: PlanStep, undone: Sequence[int]) -> None:
        done = self.done.get(step.id, set()) if step.compensate and self._is_undone else set()
        assert len(set(undone)) == len(undone), f"an item of {step.id} was undone twice: {undone}"
        assert done.issuperset(undone), f"of {step.id}, undone are {undone}, to be undone were {done}"
        assert self.terminated or done == set(undone), f"of {step.id}, undone are {undone}, of {done}"

    def _has_completed(self, step: PlanStep) -> bool:
        if step.foreach is not None:
            return bool(self.done.get(step.id))
        return self.ended_as(step.id) == "completed"

    @property
    def _without_items(self) -> set[str]:
        """Whether one of their items has completed is only looked at when they are to be undone."""
        lists = {step.id for step in self.plan.steps if step.foreach is not None}
        return lists - self.done.keys() if self.terminated else set()

    @property
    def _is_undone(self) -> bool:
        """Whether the steps came to a bad end, and not only what came after them."""
        spoilt = self.error.get("code") == "OUTPUTS" or self.error.get("step") in self.last
        bad = self.status == "cancelled" or (self.status == "failed" and not spoilt)
        return bad and not self.head.get("dry_run")

    def what_runs_last_does(self) -> None:
        """The steps of ``finally`` run once all others have ended and are undone, however that went."""
        for step in self.last:
            assert self.end_of(step) or self.terminated or self.withdrawn, f"{step} of finally did not run"
        # Somebody outside may call late: that is no doing of the step.
        tried = [one for one in self.told if one.attempt and one.type.startswith(("step_", "item_"))]
        first = next((one for one in tried if one.step in self.last), None)
        for one in tried[tried.index(first) :] if first else ():
            assert one.step in self.last, f"{one.type} of {one.step} came after finally had begun"

    def what_is_large_is_all_there(self) -> None:
        for kept in self.kept:
            parts = {f"{kept['name']}:{place}" for place in range(kept["chunks"])}
            assert parts <= self.chunks, f"of {kept['name']}, there is {parts & self.chunks}"

    def the_outcome_says_what_failed_and_what_came_first(self) -> None:
        failed = [
            step.id
            for step in self.plan.every_step
            if self.ended_as(step.id) == "failed" and not step.continue_on_error
        ]
        told = [*([self.error["step"]] if "step" in self.error else []), *self.error.get("also_failed", ())]
        match self.status:
            case "completed":
                assert not failed
                assert not self.error
            case "failed" if self.error["code"] == "OUTPUTS":
                assert not failed
            case _:
                assert sorted(told) == sorted(failed), f"failed have {failed}, and told is {self.error}"
                assert told or self.status == "cancelled", "it failed, and nothing in it did"
        assert told[:1] == [] or told[0] not in self.last or self.last.issuperset(told), "a cause is hidden"
        if self.status == "cancelled" and self.error.get("code") != "DEADLINE":
            asked = self.head["audit"]["number"] > 1
            assert asked or self.plan.timeout is not None, "it was cancelled, and nobody asked for it"

    def nothing_that_it_counted_is_left(self) -> None:
        """What runs and what waits is counted as often as it stops to; a cancellation counts nothing back."""
        if self.status != "cancelled":
            assert self.head["load"] == 0, f"the load at the end is {self.head['load']}"

    def all_of_a_dry_run_says_that_it_is_one(self) -> None:
        """And when it has ended, what it left open."""
        marked = {bool(one.data.get("dry_run")) for one in self.told}
        assert marked == {self.head["dry_run"]}, f"it is a dry run: {self.head['dry_run']}, told as {marked}"
        assert self.head["dry_run"] or "undecided" not in self.head
