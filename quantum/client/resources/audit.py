"""The audit trail."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from quantum.client.addresses import path
from quantum.client.pages import Listing
from quantum.client.resources.resource import Resource, given
from quantum.contract.audit import AuditPage, AuditRecord, ChainPage, TenantVerification


class Audit(Resource):
    def list(
        self,
        *,
        intent: str | None = None,
        execution: str | None = None,
        principal: str | None = None,
        action: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        limit: int | None = None,
    ) -> Listing[AuditRecord, AuditPage]:
        """The records for which all conditions hold, newest first; ``limit`` is of one page."""
        params: dict[str, Any] = {
            "intent": intent,
            "execution": execution,
            "principal": principal,
            "action": action,
        }
        params |= {"since": since, "until": until, "limit": limit}
        return Listing(self._transport, AuditRecord, AuditPage, path("audit"), given(params))

    def intent(self, name: str, *, limit: int | None = None) -> Listing[AuditRecord, ChainPage]:
        """What was done to an intent; each page has the verification of the whole chain."""
        there = path("intents", name, "audit")
        return Listing(self._transport, AuditRecord, ChainPage, there, given({"limit": limit}))

    def execution(self, id: str, *, limit: int | None = None) -> Listing[AuditRecord, ChainPage]:
        """The same of an execution."""
        there = path("executions", id, "audit")
        return Listing(self._transport, AuditRecord, ChainPage, there, given({"limit": limit}))

    async def verify(self, *, intent: str | None = None, execution: str | None = None) -> TenantVerification:
        """What the verification of all chains that are meant came to, in as many requests as it takes."""
        total, cursor = (
            TenantVerification(verified=True, chains=0, records=0, damage=[], next_cursor=None),
            None,
        )
        while True:
            found = await self._read(
                TenantVerification,
                path("audit", "verification"),
                intent=intent,
                execution=execution,
                cursor=cursor,
            )
            total.verified &= found.verified
            total.chains += found.chains
            total.records += found.records
            total.damage += found.damage
            cursor = found.next_cursor
            if cursor is None:
                return total

    def export(
        self,
        *,
        intent: str | None = None,
        execution: str | None = None,
        principal: str | None = None,
        action: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
    ) -> AsyncIterator[str]:
        """Lines of JSON, for ``python -m quantum.audit verify``; the last is a manifest."""
        params = {"intent": intent, "execution": execution, "principal": principal, "action": action}
        return self._lines(path("audit"), params | {"since": since, "until": until})
