"""Nudges: telling an execution a word: that what one of its steps waits for has happened, to pause, to go on.

What happened (a decision, a callback, a wish) is stored first, and in the same transaction the nudge, as a
document of its own. Then the execution is told, and the document goes. If the process dies in between, the
recovery timer finds the document and tells the execution. To be told twice is harmless, and so is to be told
late (``shared/workflow/steering.py``).
"""

import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final

from shared.domain.errors import DocumentMissingError, UnavailableError
from shared.domain.times import rfc3339
from shared.ports.clock import Clock, Ids
from shared.ports.documents import EXECUTIONS, Create, Delete, Documents, Query, Where
from shared.ports.orchestrations import Orchestrations
from shared.security.scope import TenantScope
from shared.services.executions.launching import Launcher
from shared.workflow.steering import Word
from shared.workflow.stopping import NUDGE

KIND: Final = "nudge"
PAGE: Final = 100

_log = logging.getLogger(__name__)


class Nudges:
    def __init__(
        self,
        *,
        documents: Documents,
        orchestrations: Orchestrations,
        launcher: Launcher,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._documents = documents
        self._orchestrations = orchestrations
        self._launcher = launcher
        self._clock = clock
        self._ids = ids

    def nudge(self, word: Word) -> Create:
        """The operation that stores a nudge, for the transaction of what has happened."""
        now = rfc3339(self._clock.now())
        return Create({"id": f"{KIND}:{self._ids.new()}", "kind": KIND, "word": word, "created_at": now})

    async def tell(self, execution_id: str, word: Word) -> None:
        """Tell an execution of what is recorded elsewhere, by somebody who does so until it succeeds.

        Raises:
            UnavailableError: it could not be told.
        """
        await self._orchestrations.raise_event(instance_id=execution_id, name=NUDGE, data=word)

    async def send(self, scope: TenantScope, execution_id: str, nudge: Create, *, keep: bool = False) -> None:
        """Tell the execution of a nudge that is stored; if that cannot be done now, recovery does.

        With ``keep`` recovery does so in any case: something is to be done behind it, too.
        """
        try:
            await self._send(scope, execution_id, nudge.body)
            if not keep:
                await self._forget(scope, execution_id, nudge.body["id"])
        except UnavailableError:
            _log.warning("a nudge of %s is stored but not sent; recovery will send it", execution_id)

    async def send_left(
        self, scope: TenantScope, *, before: datetime, behind: Callable[[TenantScope, str], Awaitable[None]]
    ) -> int:
        """Tell of the tenant's nudges that were stored ``before`` and are still there; how many were.

        ``behind`` does what is to be done behind a pause or a resumption.
        """
        sent, after = 0, None
        while True:
            query = Query(
                EXECUTIONS,
                KIND,
                where=[Where(("created_at",), "<", rfc3339(before))],
                order=[(("created_at",), "asc")],
                limit=PAGE,
                after=after,
            )
            page = await self._documents.query(scope, query)
            for document in page.items:
                body = document.body
                execution_id = body[EXECUTIONS.partition_field]
                await self._send(scope, execution_id, body)
                if "step" not in body["word"]:
                    await behind(scope, execution_id)
                await self._forget(scope, execution_id, body["id"])
                sent += 1
            if (after := page.after) is None:
                return sent

    async def _send(self, scope: TenantScope, execution_id: str, nudge: Mapping[str, Any]) -> None:
        word: Word = nudge["word"]
        if "step" not in word:  # a step that waits has begun, so its orchestration is there
            await self._launcher.start_for(scope, execution_id, word)
        await self.tell(execution_id, word)

    async def _forget(self, scope: TenantScope, execution_id: str, id: str) -> None:
        with contextlib.suppress(DocumentMissingError):  # somebody else has sent it, too
            await self._documents.transact(
                scope, container=EXECUTIONS, partition=execution_id, operations=[Delete(id)]
            )
