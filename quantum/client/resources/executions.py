"""Executions: what has been started, as it stands, goes on and ends."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from quantum.client.addresses import path
from quantum.client.errors import WaitTimeoutError
from quantum.client.pages import Listing
from quantum.client.resources.resource import Resource, given
from quantum.client.streams import events
from quantum.contract.bulk import BulkPage
from quantum.contract.events import Event
from quantum.contract.executions import (
    Execution,
    ExecutionAccepted,
    ExecutionHead,
    ExecutionPage,
    ExecutionStatus,
)
from quantum.contract.outputs import Outputs
from quantum.contract.steps import StepDetail


class Executions(Resource):
    """Start one with ``client.intents.execute``."""

    async def get(self, id: str) -> Execution:
        return await self._read(Execution, path("executions", id))

    async def step(self, id: str, step: str, *, item: int | None = None) -> StepDetail:
        """A step, or one of its items, with every attempt and what its action was given."""
        return await self._read(StepDetail, path("executions", id, "steps", step), item=item)

    def list(
        self,
        *,
        intent: str | None = None,
        status: ExecutionStatus | None = None,
        parent: str | None = None,
        dry_run: bool | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        limit: int | None = None,
    ) -> Listing[ExecutionHead, ExecutionPage]:
        """Those for which all conditions hold, newest first; ``limit`` is of one page."""
        params: dict[str, Any] = {"intent": intent, "status": status, "parent": parent, "dry_run": dry_run}
        params |= {"since": since, "until": until, "limit": limit}
        return Listing(self._transport, ExecutionHead, ExecutionPage, path("executions"), given(params))

    async def events(self, id: str, *, after: str | None = None) -> AsyncGenerator[Event]:
        """Its events from the first, or behind the cursor ``after``, to the terminal one as they happen."""
        async for event in events(self._transport, path("executions", id, "events"), after=after):
            yield Event.model_validate(event)

    async def wait(self, id: str, *, timeout: float | None = None) -> Execution:  # noqa: ASYNC109  # it goes on
        """The execution when it has ended, well or badly.

        Raises:
            WaitTimeoutError: it has not after ``timeout`` seconds, and goes on.
        """
        try:
            async with asyncio.timeout(timeout):
                async for _ in events(self._transport, path("executions", id, "events")):
                    pass
        except TimeoutError as error:
            raise WaitTimeoutError(f"{id} has not ended after {timeout:g} s, and goes on") from error
        return await self.get(id)

    async def cancel(self, id: str, *, reason: str | None = None) -> ExecutionAccepted:
        """End it; what completed is undone."""
        return await self._steer(id, "cancel", reason)

    async def pause(self, id: str, *, reason: str | None = None) -> ExecutionAccepted:
        return await self._steer(id, "pause", reason)

    async def resume(self, id: str, *, reason: str | None = None) -> ExecutionAccepted:
        return await self._steer(id, "resume", reason)

    async def terminate(self, id: str, *, reason: str | None = None) -> ExecutionAccepted:
        """End it now; nothing is undone."""
        return await self._steer(id, "terminate", reason)

    async def retry(
        self,
        id: str,
        *,
        steps: str | Sequence[str] | None = None,
        repeat_irreversible: Literal[True] | Sequence[str] | None = None,
        reason: str | None = None,
    ) -> ExecutionAccepted:
        """A new execution of what did not end well; ``steps`` names what runs again although it did."""
        body = {"from": steps, "repeat_irreversible": repeat_irreversible, "reason": reason}
        return await self._change(ExecutionAccepted, "POST", path("executions", id, "retry"), body)

    async def bulk(
        self,
        operation: Literal["cancel", "pause", "resume", "terminate", "retry"],
        filter: Mapping[str, Any] | None = None,
        *,
        all: bool | None = None,
        steps: str | Sequence[str] | None = None,
        reason: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> BulkPage:
        """The same to a page of executions; ``filter`` as in the list, ``all`` if none is meant.

        ``steps`` are to run again although they ended well, to ``retry``.
        """
        body: dict[str, Any] = {
            "operation": operation,
            "filter": given(filter or {}),
            "all": all,
            "from": steps,
            "reason": reason,
        }
        body |= {"limit": limit, "cursor": cursor}
        return await self._change(BulkPage, "POST", path("executions", "bulk"), body)

    async def outputs(self, id: str, step: str | None = None, *, item: int | None = None) -> dict[str, Any]:
        """What it, or a step of it, came to, whole, however large."""
        there = path("executions", id, *(("steps", step) if step else ()), "outputs")
        return (await self._read(Outputs, there, item=item)).root

    async def _steer(self, id: str, verb: str, reason: str | None) -> ExecutionAccepted:
        return await self._change(ExecutionAccepted, "POST", path("executions", id, verb), {"reason": reason})
