"""A step with ``foreach``: its items run, or are undone, by attempts of their own, and are put together."""

from collections.abc import Mapping

from shared.domain.dry_runs import pointers_of
from shared.domain.executions import Outcome
from shared.services.executions.freshness import catch_up
from shared.services.steps.items import (
    OPEN,
    Item,
    first_failure,
    gathered,
    let_go,
    not_undone,
    read_items,
    undoing,
)
from shared.services.steps.names import Names
from shared.services.steps.outcomes import Outcomes, Tried
from shared.services.steps.parts import Parts


class Spreading:
    """One delivery of an attempt that does nothing but have the step's items run, or undone."""

    def __init__(self, parts: Parts, tried: Tried, names: Names, outcomes: Outcomes, *, most: int) -> None:
        """``most``: how many bytes may come of it."""
        self._documents, self._clock = parts.documents, parts.clock
        self._scope, self._run, self._attempt = tried.scope, tried.run, tried.attempt
        self._planned = tried.run.plan.step(tried.attempt.step)
        self._names = names
        self._outcomes = outcomes
        self._most = most

    async def spread(self) -> Outcome:
        """Have each item run; without any, the step is done."""
        items = await self._names.items()
        if not items:
            nothing = gathered({}, 0, limit=self._most)
            return await self._outcomes.ended("completed", outputs=nothing)
        known = await self._outcomes.announce(items=len(items))
        return known or Outcome("items", count=len(items), limit=self._planned.concurrency)

    async def spread_back(self) -> Outcome:
        """Have each item undone that has completed, the last of the list first."""
        count = undoing(await self._read_items(limit=0))
        if not count:
            return Outcome("skipped")
        known = await self._outcomes.announce()
        return known or Outcome("items", count=count, limit=self._planned.concurrency)

    async def collect(self) -> Outcome:
        """Put together what the items came to."""
        if (known := await self._outcomes.resume()) is not None:
            return known
        if self._attempt.compensates:
            error = not_undone(await self._read_items(limit=0))
            return await self._outcomes.ended("failed" if error else "completed", error=error)
        count, limit = len(await self._names.items()), self._most
        found = await self._read_items(limit=limit)
        if any(item.status in OPEN for item in found.values()):
            await self._let_go()
            found = await self._read_items(limit=limit)
        error = None if self._planned.continue_on_error else first_failure(found, count)
        outputs = gathered(found, count, limit=limit)
        unknown = pointers_of(["items"]) if any(item.unknown for item in found.values()) else []
        return await self._outcomes.ended(
            "failed" if error else "completed",
            outputs=outputs,
            error=error,
            foreseen={"unknown": unknown} if unknown else {},
        )

    async def _let_go(self) -> None:
        """The items that wait do so for nobody: another has failed."""
        attempt, now = self._attempt, self._clock.now()
        await let_go(self._documents, self._scope, attempt.execution_id, attempt.step, run=self._run, now=now)

    async def _read_items(self, *, limit: int) -> Mapping[int, Item]:
        documents, execution_id = self._documents, self._attempt.execution_id
        await catch_up(documents, self._scope, execution_id)
        return await read_items(documents, self._scope, execution_id, self._attempt.step, limit=limit)
