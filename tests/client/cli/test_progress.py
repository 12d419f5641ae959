"""What the live view is made of."""

import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from quantum.cli.drawing import View
from quantum.cli.progress import Progress, children_of, took
from quantum.cli.watching import line

BEGAN = datetime(2024, 1, 4, 10, tzinfo=UTC)
APPROVAL = {
    "status": "waiting",
    "message": "shall we?",
    "approvers": {"roles": ["approver"], "attributes": {"department": "finance"}},
    "required": 2,
    "have": 0,
    "decisions": [],
}


def execution(*steps: str, **more: Any) -> dict[str, Any]:
    states = [{"id": step, "action": "wait", "expected": 8.0, "waiting": []} for step in steps]
    states = [{"status": "pending", **state} for state in states]
    head = {"execution_id": "e-1", "intent_id": "deploy-v1", "created_at": BEGAN.isoformat(), "waiting": []}
    return head | {"steps": states} | more


def event(type: str, second: float, step: str | None = None, **more: Any) -> dict[str, Any]:
    about = {"type": type, "time": moment(second), "step": step, "execution_id": "e-1"}
    return about | more


def moment(second: float) -> str:
    return (BEGAN + timedelta(seconds=second)).isoformat()


def drawn(progress: Progress, second: float, *, width: int = 110, height: int = 40) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    console.print(View(progress, BEGAN + timedelta(seconds=second)))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_steps_stand_as_their_events_say() -> None:
    progress = Progress.of(execution("build", "push", "tell"))
    progress.apply(event("execution_started", 0))
    progress.apply(event("step_started", 1, "build", attempt=1))
    progress.apply(event("step_retrying", 3, "build", attempt=2, error={"message": "no route"}))
    progress.apply(event("step_skipped", 3, "tell", progress={"percent": 33}))
    head, build, why, push, tell = drawn(progress, 5)
    assert head.startswith("▶ deploy-v1")
    assert head.endswith("33 %  5.0 s")
    assert "↻ build" in build
    assert "4.0 s of about 8.0 s" in build
    assert "attempt 2: no route" in why
    assert "· push" in push
    assert "- tell" in tell

    progress.apply(event("step_completed", 7, "build", attempt=2, progress={"percent": 66}))
    progress.apply(event("step_started", 7, "push"))
    progress.apply(event("step_failed", 8, "push", error={"message": "denied"}))
    progress.apply(event("execution_failed", 9, error={"message": "denied"}))
    head, build, why, push, denied, _ = drawn(progress, 100)
    assert head.startswith("✗ deploy-v1")
    assert head.endswith("9.0 s"), "it is over: no time goes on"
    assert "6.0 s" in build
    assert denied == "    denied"


def test_items_are_counted_below_their_step_and_those_that_failed_are_told() -> None:
    progress = Progress.of(execution("all"))
    progress.apply(event("step_started", 1, "all", attempt=1, items=12))
    assert drawn(progress, 2)[1].endswith("0 of 12")
    for item in range(5):
        progress.apply(event("item_started", 2, "all", item=item))
    progress.apply(event("item_completed", 3, "all", item=0))
    progress.apply(event("item_failed", 3, "all", item=3, error={"message": "no such region"}))
    progress.apply(event("item_retrying", 3, "all", item=4, error={"message": "busy"}))
    _, step, failed = drawn(progress, 4)
    assert step.endswith("2 of 12, 1 failed")
    assert failed == "    ✗ item 3: no such region"
    assert progress.steps["all"].attempt == 1, "an item's attempts are not its step's"


def test_the_steps_of_a_child_stand_below_the_step_that_waits_for_it() -> None:
    progress = Progress.of(execution("deploy"))
    progress.apply(event("step_started", 1, "deploy"))
    seen = execution("deploy")
    seen["steps"][0] |= {
        "status": "waiting",
        "waiting": [{"for": "child", "execution_id": "e-2", "item": None}],
    }
    progress.look(seen)
    assert drawn(progress, 2)[2] == "    waits for e-2"
    assert children_of(seen) == {("deploy", None): "e-2"}

    child = Progress.of(execution("build", "push") | {"execution_id": "e-2", "intent_id": "image-v3"})
    progress.steps["deploy"].children[None] = child
    child.apply(event("execution_started", 2))
    child.apply(event("step_started", 2, "build"))
    _, step, head, build, push = drawn(progress, 3)
    assert "… deploy" in step
    assert head == "    ▶ image-v3  0 %  e-2"
    assert build.startswith("      ▶ build")
    assert push.startswith("      · push")
    child.apply(event("execution_completed", 4))
    progress.apply(event("step_completed", 4, "deploy"))
    assert len(drawn(progress, 5)) == 2, "what is over takes no room"


def test_an_approval_says_who_may_and_what_to_type_as_soon_as_it_is_asked_for() -> None:
    progress = Progress.of(execution("sign-off"))
    progress.apply(event("step_started", 1, "sign-off"))
    asked = event("approval_requested", 1, "sign-off", approval=APPROVAL)
    progress.apply(asked)
    _, step, who, command = drawn(progress, 2)
    assert "… sign-off" in step
    said = "waits for approval by role approver with department=finance (0 of 2 have approved): shall we?"
    assert who.strip() == said
    assert command == "    → quantum executions approve e-1 sign-off"
    assert line(asked).endswith(f"{said} | quantum executions approve e-1 sign-off")

    progress.apply(event("approval_decided", 3, "sign-off", approval=APPROVAL | {"have": 1}))
    assert "(1 of 2 have approved)" in drawn(progress, 4)[2]
    decided = APPROVAL | {"status": "approved", "have": 2, "decisions": [{"by": "ada"}, {"by": "bob"}]}
    progress.apply(event("approval_decided", 5, "sign-off", approval=decided))
    _, step, note = drawn(progress, 6)
    assert "▶ sign-off" in step
    assert note == "    approved by ada, bob"


def test_what_is_waited_for_is_told_until_it_is_over() -> None:
    progress = Progress.of(execution("rest"))
    progress.apply(event("execution_started", 0))
    progress.apply(event("step_started", 1, "rest"))
    timer = {"for": "timer", "step": "rest", "until": "2024-01-04T10:10:00Z"}
    held = {"for": "limit", "step": None, "until": None, "place": 3}
    seen = execution("rest", waiting=[held], progress={"expected_at": moment(62)})
    seen["steps"][0] |= {"status": "waiting", "waiting": [timer]}
    progress.look(seen)
    head, told, step, why = drawn(progress, 2)
    assert head.endswith("2.0 s, about 1 min 00 s left")
    assert "waits for its turn: place 3" in told
    assert "… rest" in step
    assert why == "    waits for a timer until 10:10:00 UTC"
    assert "longer than expected" in drawn(progress, 100)[0]
    progress.apply(event("step_completed", 3, "rest"))
    progress.apply(event("execution_completed", 3, progress={"percent": 100}))
    head, step = drawn(progress, 4)
    assert "waits" not in head + step


@pytest.mark.parametrize(("width", "height"), [(60, 20), (40, 10), (200, 60)])
def test_of_many_steps_those_are_shown_that_go_on_and_fit(width: int, height: int) -> None:
    names = [f"step-{number}-with-quite-a-long-name-of-its-own" for number in range(1000)]
    progress = Progress.of(execution(*names))
    for number, name in enumerate(names[:500]):
        progress.apply(event("step_started", number, name))
        if number != 7:
            progress.apply(event("step_completed", number + 1, name))
    lines = drawn(progress, 600, width=width, height=height)
    assert len(lines) == height - 1, "the cursor has a line of its own"
    assert max(map(len, lines)) <= width
    assert "▶ step-7-" in lines[1]
    assert any("✓ step-499" in one for one in lines)
    assert lines[-1] == f"  and {1000 - height + 3} more steps"


def test_what_is_long_is_told_in_full_on_a_narrow_terminal() -> None:
    progress = Progress.of(execution("push"))
    why = "the registry registry.example.com refuses the image because its name has a colon too many in it"
    progress.apply(event("step_failed", 1, "push", error={"message": why}))
    lines = drawn(progress, 2, width=60)
    assert all(one.startswith("    ") for one in lines[2:])
    assert " ".join(one.strip() for one in lines[2:]) == why


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ({"for": "retry", "until": "2024-01-04T10:00:05Z"}, "waits for its next attempt until 10:00:05 UTC"),
        ({"for": "poll", "until": "2024-01-04T10:00:05Z"}, "waits for what it has begun"),
        ({"for": "callback", "until": None}, "waits to be called back"),
        ({"for": "pause", "by": "ada", "reason": "lunch"}, "paused by ada: lunch"),
        ({"for": "dependency", "dependencies": ["a", "b"]}, "waits for a, b"),
    ],
)
def test_each_reason_to_wait_has_words(seen: Mapping[str, Any], said: str) -> None:
    progress = Progress.of(execution("one"))
    progress.look(execution("one", waiting=[{"step": None, **seen}]))
    assert progress.note == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, ""), (0.04, "0.0 s"), (59.94, "59.9 s"), (61, "1 min 01 s"), (7260, "2 h 01 min")],
)
def test_durations_are_said_as_people_do(seconds: float | None, said: str) -> None:
    assert took(seconds) == said
