"""What the live view is made of."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from quantum.cli.progress import Progress, took
from quantum.cli.watching import ROWS, draw

BEGAN = datetime(2024, 1, 4, 10, tzinfo=UTC)


def execution(*steps: str, **more: Any) -> dict[str, Any]:
    states = [{"id": step, "action": "wait", "expected": 8.0, "waiting": []} for step in steps]
    head = {"execution_id": "e-1", "intent_id": "deploy-v1", "created_at": BEGAN.isoformat(), "waiting": []}
    return head | {"steps": states} | more


def event(type: str, second: float, step: str | None = None, **more: Any) -> dict[str, Any]:
    return {"type": type, "time": (BEGAN + timedelta(seconds=second)).isoformat(), "step": step} | more


def drawn(progress: Progress, second: float) -> list[str]:
    console = Console(file=io.StringIO(), width=110, color_system=None)
    console.print(draw(progress, BEGAN + timedelta(seconds=second)))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_steps_stand_as_their_events_say() -> None:
    progress = Progress.of(execution("build", "push", "tell"))
    progress.apply(event("execution_started", 0))
    progress.apply(event("step_started", 1, "build", attempt=1))
    progress.apply(event("step_retrying", 3, "build", attempt=2, error={"message": "no route"}))
    progress.apply(event("step_skipped", 3, "tell", progress={"percent": 33}))
    head, build, push, tell = drawn(progress, 5)
    assert head.startswith("▶ deploy-v1")
    assert head.endswith("33 %  5.0 s")
    assert "↻ build" in build
    assert "4.0 s of about 8.0 s" in build
    assert "attempt 2: no route" in build
    assert "· push" in push
    assert "- tell" in tell

    progress.apply(event("step_completed", 7, "build", attempt=2, progress={"percent": 66}))
    progress.apply(event("step_started", 7, "push"))
    progress.apply(event("step_failed", 8, "push", error={"message": "denied"}))
    progress.apply(event("execution_failed", 9, error={"message": "denied"}))
    head, build, push, _ = drawn(progress, 100)
    assert head.startswith("✗ deploy-v1")
    assert head.endswith("9.0 s"), "it is over: no time goes on"
    assert "6.0 s" in build
    assert "denied" in push


def test_what_is_waited_for_is_told_until_it_is_over() -> None:
    progress = Progress.of(execution("sign-off"))
    progress.apply(event("execution_started", 0))
    progress.apply(event("step_started", 1, "sign-off"))
    asked = {"for": "approval", "step": "sign-off", "until": None, "have": 1, "required": 2}
    held = {"for": "limit", "step": None, "until": None, "place": 3}
    seen = execution("sign-off", waiting=[held])
    seen["steps"][0]["waiting"] = [asked]
    progress.look(seen)
    head, told, step = drawn(progress, 2)
    assert "waits for its turn: place 3" in told
    assert "… sign-off" in step
    assert "waits for people: 1 of 2 have approved" in step
    progress.apply(event("step_completed", 3, "sign-off"))
    progress.apply(event("execution_completed", 3, progress={"percent": 100}))
    head, step = drawn(progress, 4)
    assert "waits" not in head + step


def test_of_many_steps_those_are_shown_that_go_on() -> None:
    names = [f"step-{number}" for number in range(1000)]
    progress = Progress.of(execution(*names))
    for number, name in enumerate(names[:500]):
        progress.apply(event("step_started", number, name))
        if number != 7:
            progress.apply(event("step_completed", number + 1, name))
    lines = drawn(progress, 600)
    assert len(lines) == ROWS + 2
    assert "▶ step-7 " in lines[1]
    assert any("✓ step-499" in line for line in lines)
    assert lines[-1] == "  and 970 more steps"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, ""), (0.04, "0.0 s"), (59.94, "59.9 s"), (61, "1 min 01 s"), (7260, "2 h 01 min")],
)
def test_durations_are_said_as_people_do(seconds: float | None, said: str) -> None:
    assert took(seconds) == said
