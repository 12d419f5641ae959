"""The executions of the chaos: one shape for each thing that they can be about."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from tests.simulation.laws import Execution

type Json = dict[str, Any]


@dataclass(frozen=True)
class Shape:
    """A definition and what its executions come to.

    Attributes:
        ends: the statuses that they may end in.
        steered: what may be posted to them, behind ``/executions/ID/``.
        error: the code of the error, if they end with one.
    """

    definition: Json
    ends: frozenset[str] = frozenset({"completed"})
    steered: tuple[str, ...] = ()
    error: str | None = None
    parameters: Callable[[Random], Json] = lambda _: {}

    def at(self, url: str) -> Json:
        """The definition, whose requests go to ``url``."""
        found: Json = json.loads(json.dumps(self.definition).replace("RECEIVER", url))
        return found

    def check(self, execution: Execution) -> None:
        assert execution.status in self.ends, f"{execution.status}: {execution.error}"
        if self.error and not self.steered:
            assert execution.error["code"] == self.error, execution.error
        for step in execution.plan.steps:
            if step.foreach is not None:
                told = [one for one in execution.told if one.step == step.id and "item" in one.data]
                count = len(execution.head["parameters"]["items"])
                for kind in ("item_started", "item_completed"):
                    places = sorted(one.data["item"] for one in told if one.type == kind)
                    assert places == list(range(count)), f"{kind}: {places}"


def _say(id: str, *after: str, **more: Any) -> Json:
    return {"id": id, "action": "transform", "outputs": {"n": 1}, "depends_on": list(after), **more}


def _wait(id: str, seconds: float, *after: str, **more: Any) -> Json:
    return {"id": id, "action": "wait", "seconds": seconds, "depends_on": list(after), **more}


def _fail(id: str, *after: str, **more: Any) -> Json:
    return {"id": id, "action": "assert", "condition": "1 > 2", "depends_on": list(after), **more}


LIMIT: Final = 2
"""So many of the intent ``limited`` run at a time."""
LAST: Final = [{"id": "last", "action": "transform", "value": "${{ execution.status }}"}]
UNDO: Final = {"action": "wait", "seconds": 0.3, "retry": {"max_attempts": 3}}
ITEMS: Final = {"type": "object", "properties": {"items": {"type": "array"}}, "required": ["items"]}

SHAPES: Final[Mapping[str, Shape]] = {
    "plain": Shape({"steps": [_say("a")]}),
    "chain": Shape(
        {
            "steps": [
                *(_say(f"s{n}", *([f"s{n - 1}"] if n else [])) for n in range(4)),
                _wait("w", 0.5, "s3"),
                *(_say(f"t{n}", f"t{n - 1}" if n else "w") for n in range(4)),
            ]
        }
    ),
    "diamond": Shape(
        {
            "steps": [
                _say("a"),
                _wait("b", 0.3, "a"),
                _fail("c", "a", continue_on_error=True),
                _say("d", "a", when="steps.a.outputs.n == 2"),
                _say("e", "b", "c", "d"),
            ],
            "outputs": {"n": "${{ steps.e.outputs.n }}"},
        }
    ),
    "undone": Shape(
        {
            "steps": [
                *(_say(f"s{n}", *([f"s{n - 1}"] if n else []), compensate=UNDO) for n in range(4)),
                _say("t", "s3", compensate={"action": "assert", "condition": "1 > 2"}),
                _fail("fail", "t"),
            ],
            "finally": LAST,
        },
        ends=frozenset({"failed"}),
        error="ASSERTION_FAILED",
    ),
    "each": Shape(
        {
            "parameters": ITEMS,
            "steps": [
                {
                    "id": "each",
                    "action": "transform",
                    "foreach": "${{ parameters.items }}",
                    "value": "${{ item * 2 }}",
                }
            ],
            "outputs": {"counts": "${{ steps.each.outputs.counts }}"},
        },
        parameters=lambda random: {"items": list(range(random.choice([3, 25, 80])))},
    ),
    "items-undone": Shape(
        {
            "parameters": ITEMS,
            "steps": [
                {
                    "id": "each",
                    "action": "transform",
                    "foreach": "${{ parameters.items }}",
                    "concurrency": 3,
                    "value": "${{ item * 2 }}",
                    "compensate": {"action": "transform", "value": "${{ steps.each.outputs.value }}"},
                },
                _fail("fail", "each"),
            ],
        },
        ends=frozenset({"failed"}),
        error="ASSERTION_FAILED",
        parameters=lambda random: {"items": list(range(random.choice([2, 20, 60])))},
    ),
    "large": Shape(
        {
            "steps": [
                {"id": "line", "action": "transform", "value": "0123456789abcdef" * 250},
                {"id": "page", "action": "transform", "value": ["${{ steps.line.outputs.value }}"] * 20},
                {
                    "id": "check",
                    "action": "assert",
                    "condition": "steps.page.outputs.value[19].endsWith('f')",
                },
            ],
            "outputs": {"pages": ["${{ steps.page.outputs.value }}"] * 10},
        }
    ),
    "retried": Shape(
        {
            "steps": [
                {
                    "id": "call",
                    "action": "http-request",
                    "method": "POST",
                    "url": "RECEIVER",
                    "body": {},
                    "retry": {"max_attempts": 60, "initial_interval": 0.1, "backoff": 1.2, "max_interval": 1},
                },
                _say("a", "call"),
            ]
        }
    ),
    "approved": Shape(
        {"steps": [{"id": "ask", "action": "approval", "required": 2}, _say("a", "ask")]},
        steered=("steps/ask/approve",),
    ),
    "expired": Shape(
        {"steps": [{"id": "ask", "action": "approval", "expires_in": 1, "on_expiry": "approve"}]}
    ),
    "late": Shape(
        {"steps": [_wait("w", 600), _say("a", compensate=UNDO)], "timeout": 1, "finally": LAST},
        ends=frozenset({"cancelled"}),
        error="DEADLINE",
    ),
    "cancelled": Shape(
        {"steps": [_say("a", compensate=UNDO), *(_wait(f"w{n}", 5, "a") for n in range(3))], "finally": LAST},
        ends=frozenset({"completed", "cancelled"}),
        steered=("cancel",),
    ),
    "paused": Shape(
        {"steps": [_say("a"), _wait("w", 0.5, "a"), _say("b", "w")]}, steered=("pause", "resume")
    ),
    "terminated": Shape(
        {"steps": [_say("a", compensate=UNDO), _wait("w", 3, "a")], "finally": LAST},
        ends=frozenset({"completed", "cancelled"}),
        steered=("terminate",),
    ),
    "again": Shape(
        {"steps": [_say("a"), _fail("fail", "a"), _say("b", "fail")]},
        ends=frozenset({"failed"}),
        steered=("retry",),
    ),
    "limited": Shape({"steps": [_wait("w", 0.3)], "concurrency": {"limit": LIMIT}}),
    "parent": Shape(
        {
            "steps": [
                {"id": "each", "action": "run-intent", "intent": "chain"},
                {"id": "child", "action": "run-intent", "intent": "undone", "continue_on_error": True},
            ]
        }
    ),
}
