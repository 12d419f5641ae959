"""Children follow a pause: they are paused with the execution whose steps asked for them, and go on with it.

Parent and children are partitions of their own, so neither is changed with the other. Instead, whoever
pauses or resumes the parent has its children agree with how it stands *now*, looks whether it still stands
so, and else begins anew: of several who do so, the last to look leaves them as the last wish was. What dies
in between is done by recovery, which finds the nudge that was stored with the wish.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from shared.domain.children import actor
from shared.domain.errors import ConflictError
from shared.domain.executions import QUEUED, TERMINAL_STATUSES
from shared.domain.steering import Verb
from shared.ports.documents import EXECUTIONS, Documents, Query, Where
from shared.security.principals import Origin
from shared.security.scope import TenantScope
from shared.services.executions.freshness import catch_up
from shared.services.paging import bodies
from shared.services.steps.attempts import HEAD

AT_ONCE: Final = 8
"""So many are steered side by side."""
BY_THE_WAY: Final = 50
"""So many executions follow while whoever wished so waits, children of children among them; recovery does the
rest."""

PAGE: Final = 100

type Head = Mapping[str, Any]


@dataclass(slots=True)
class Budget:
    """How many executions may still be steered; None: all that there are."""

    left: int | None = BY_THE_WAY

    def take(self, most: int) -> int:
        """At most so many, of what is left."""
        if self.left is None:
            return most
        taken = min(most, self.left)
        self.left -= taken
        return taken


class Steer(Protocol):
    async def __call__(
        self,
        scope: TenantScope,
        origin: Origin,
        execution_id: str,
        verb: Verb,
        *,
        reason: str | None,
        following: Budget,
    ) -> None:
        """As :meth:`~shared.services.executions.steering.Steering.apply`."""
        ...


class Following:
    def __init__(self, documents: Documents, steer: Steer) -> None:
        self._documents = documents
        self._steer = steer

    async def align(
        self, scope: TenantScope, execution_id: str, *, budget: Budget, child: str | None = None
    ) -> None:
        """Have the execution's children (or that one) be paused if it is, and go on if it is not.

        What somebody else has paused stays so. Of an execution that ends, its steps see to that.

        Raises:
            UnavailableError: the store or the engine cannot be reached.
        """
        head = await self._head(scope, execution_id)
        while (verb := _verb(head)) is not None:
            assert head is not None  # or there would be nothing to do
            by = Origin(actor(execution_id, scope.tenant_id))
            reason = head["paused"]["reason"] if verb == "pause" else None
            found = [child] if child else await self._found(scope, execution_id, verb, by.principal)
            while found and (some := budget.take(AT_ONCE)):
                follow = partial(self._follow, scope, by, verb, reason=reason, budget=budget)
                await asyncio.gather(*map(follow, found[:some]))
                found = found[some:]
            before, head = verb, await self._head(scope, execution_id)
            if _verb(head) == before:
                return

    async def _follow(
        self, scope: TenantScope, by: Origin, verb: Verb, child: str, *, reason: str | None, budget: Budget
    ) -> None:
        with suppress(ConflictError):  # it has ended meanwhile
            await self._steer(scope, by, child, verb, reason=reason, following=budget)

    async def _found(self, scope: TenantScope, execution_id: str, verb: Verb, by: str) -> list[str]:
        """The children that do not stand as they are to."""
        statuses = ["pending", "running", QUEUED] if verb == "pause" else ["paused"]
        query = Query(
            EXECUTIONS,
            "execution",
            where=[Where(("parent", "execution_id"), "=", execution_id), Where(("status",), "in", statuses)],
            order=[(("created_at",), "desc")],
            limit=PAGE,
        )
        return [
            head["execution_id"]
            async for head in bodies(self._documents, scope, query)
            if verb == "pause" or head["paused"]["by"] == by
        ]

    async def _head(self, scope: TenantScope, execution_id: str) -> Head | None:
        await catch_up(self._documents, scope, execution_id)
        document = await self._documents.read(scope, container=EXECUTIONS, partition=execution_id, id=HEAD)
        return document.body if document else None


def _verb(head: Head | None) -> Verb | None:
    """What is to be done to the children of an execution with this head; None: nothing."""
    if head is None or head["status"] in {*TERMINAL_STATUSES, "cancelling"}:
        return None
    return "pause" if head["status"] == "paused" else "resume"
