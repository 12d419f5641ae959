"""Estimates: how long an execution will still take, and what each of its steps takes as a rule.

They are made when somebody asks, from what past executions of the intent have stored anyway: a run costs
nothing more for them. What was learned of an intent is remembered for a while.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from shared.domain.errors import QuantumError
from shared.domain.estimates import Estimate, Past, Standing, Taken, learned, remaining
from shared.domain.executions import (
    STEP_TERMINAL_STATUSES,
    TERMINAL_STATUSES,
    Attempt,
    Execution,
    StepState,
    waits_for_turn,
)
from shared.domain.plans import Plan, PlanStep
from shared.domain.times import parse_rfc3339, rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import EXECUTIONS, Documents, Path, Query, Where
from shared.security.scope import TenantScope
from shared.services.executions.runs import Run, Runs, item_kind
from shared.services.steps.names import Names

MOST: Final = 10
"""Past executions that an estimate is based on, at most."""
STEPS_READ: Final = 2000
"""About how many steps of past executions are read, at most; of one all are."""
LIFE: Final = timedelta(seconds=60)
"""For how long it is remembered what was learned from as many as there may be; from less, for less."""
KEPT: Final = 256
"""Of how many intents that is remembered."""

_NOTHING: Final = Past()


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What is learned of an intent; who asks meanwhile waits for the same."""

    asked_at: datetime
    past: asyncio.Task[Past]

    def holds(self, now: datetime) -> bool:
        if not self.past.done():
            return True
        if self.past.cancelled() or self.past.exception() is not None:
            return False
        return timedelta(0) <= now - self.asked_at < LIFE * self.past.result().based_on / MOST


class Estimates:
    def __init__(self, *, documents: Documents, runs: Runs, clock: Clock) -> None:
        self._documents = documents
        self._runs = runs
        self._clock = clock
        self._learned: OrderedDict[tuple[str, str], _Lesson] = OrderedDict()

    async def timed(
        self, scope: TenantScope, execution: Execution, run: Run, head: Mapping[str, Any]
    ) -> Execution:
        """The execution with the durations of its steps and, while it goes on, what is expected of it."""
        now = self._clock.now()
        steps = [replace(step, duration=_duration(step, now)) for step in execution.steps]
        if execution.status in TERMINAL_STATUSES:
            return replace(execution, steps=steps, estimate=Estimate(0, execution.finished_at))
        past = _NOTHING if run.dry_run else await self._past(scope, execution.intent_id, run.plan)
        if not past.based_on:
            return replace(execution, steps=steps, estimate=Estimate())
        standings = {
            step.id: await self._standing(scope, execution.execution_id, run, step) for step in steps
        }
        steps = [
            replace(step, expected=_rounded(past.expected(step.id, standings[step.id].items)))
            for step in steps
        ]
        left = None if execution.status == "cancelling" else remaining(run.plan, past, standings)
        # What waits for its turn, or for whoever paused it, is not on its way.
        goes = left is not None and execution.status != "paused" and not waits_for_turn(head)
        until = rfc3339(now + timedelta(seconds=left or 0)) if goes else None
        return replace(execution, steps=steps, estimate=Estimate(_rounded(left), until, past.based_on))

    async def _past(self, scope: TenantScope, intent_id: str, plan: Plan) -> Past:
        """What is known of the version, or else of other versions of the intent."""
        key, now = (scope.tenant_id, intent_id), self._clock.now()
        lesson = self._learned.get(key)
        if lesson is None or not lesson.holds(now):
            lesson = _Lesson(now, asyncio.create_task(self._learn(scope, intent_id, plan)))
            self._learned[key] = lesson
            if len(self._learned) > KEPT:
                self._learned.popitem(last=False)
        return await asyncio.shield(lesson.past)

    async def _learn(self, scope: TenantScope, intent_id: str, plan: Plan) -> Past:
        most = max(1, min(MOST, STEPS_READ // len(plan.every_step)))
        found = await self._completed(scope, ("intent_id",), intent_id, most)
        if not found:
            found = await self._completed(scope, ("intent",), intent_id.rpartition("-v")[0], most)
        loops = [step for step in plan.every_step if step.foreach is not None]
        return learned([await self._taken(scope, execution_id, loops) for execution_id in found])

    async def _completed(self, scope: TenantScope, field: Path, value: str, most: int) -> Sequence[str]:
        """The last executions that completed, and did what they were to do."""
        query = Query(
            EXECUTIONS,
            "execution",
            where=[Where(field, "=", value), Where(("status",), "=", "completed")],
            order=[(("created_at",), "desc")],
            limit=2 * most,
        )
        page = await self._documents.query(scope, query)
        real = [one.body["execution_id"] for one in page.items if not one.body.get("dry_run")]
        return real[:most]

    async def _taken(
        self, scope: TenantScope, execution_id: str, loops: Sequence[PlanStep]
    ) -> Mapping[str, Taken]:
        stored = await self._runs.step_documents(scope, execution_id)
        items = {
            step.id: sum(await self._items(scope, execution_id, step.id))
            for step in loops
            if step.id in stored
        }
        return {
            step: Taken(_seconds(body["started_at"], body["finished_at"]), items.get(step))
            for step, body in stored.items()
            if body["finished_at"] is not None
        }

    async def _standing(self, scope: TenantScope, execution_id: str, run: Run, step: StepState) -> Standing:
        ended = step.status in STEP_TERMINAL_STATUSES
        if ended or step.started_at is None or run.plan.step(step.id).foreach is None:
            return Standing(ended, step.status == "failed", step.duration or 0)
        last = any(one.id == step.id for one in run.plan.last)
        attempt = Attempt(scope.tenant_id, execution_id, step.id, 1, ending="completed" if last else None)
        try:
            items = await Names(self._runs, scope, run, attempt, run.plan.step(step.id)).items()
        except QuantumError:
            return Standing(elapsed=step.duration or 0)
        done, _ = await self._items(scope, execution_id, step.id)
        return Standing(elapsed=step.duration or 0, items=len(items), done=done)

    async def _items(self, scope: TenantScope, execution_id: str, step: str) -> tuple[int, int]:
        """How many of the items have ended, and how many have begun and not ended."""
        query = Query(EXECUTIONS, item_kind(step), partition=execution_id)
        counts = dict((await self._documents.count(scope, query, by=("status",))).values)
        done = sum(count for status, count in counts.items() if status in STEP_TERMINAL_STATUSES)
        return done, sum(counts.values()) - done


def _duration(step: StepState, now: datetime) -> float | None:
    """Seconds that the step took, or has taken so far."""
    if step.started_at is None:
        return None
    return _rounded(_seconds(step.started_at, step.finished_at or rfc3339(now)))


def _seconds(started_at: str | None, finished_at: str) -> float:
    if started_at is None:
        return 0.0
    return max(0.0, (parse_rfc3339(finished_at) - parse_rfc3339(started_at)).total_seconds())


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
