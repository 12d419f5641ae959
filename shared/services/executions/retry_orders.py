"""Orders to retry an execution, and how they are carried out: a new execution that keeps what went well.

What is kept may be far more than one transaction takes, and it is in another partition. So the order is
stored first, with the execution that is retried; from then on the retry is bound to happen. Then the new
execution is made, what is kept is copied in transactions of bounded size, and only when all of it is there
the orchestration starts. If the process dies in between, the recovery timer finds the order and goes on;
each of the steps is harmless when it was done before.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

import orjson

from shared.domain.errors import DocumentExistsError, DocumentMissingError, UnavailableError
from shared.domain.retrying import is_good
from shared.domain.times import parse_rfc3339, rfc3339
from shared.ports.documents import (
    EXECUTIONS,
    Create,
    Delete,
    Document,
    Documents,
    Operation,
    Patch,
    Path,
    Query,
    Where,
)
from shared.security.decisions import Decision
from shared.security.principals import Origin
from shared.security.scope import TenantScope
from shared.services.audit.chains import Act, Chain, Chains
from shared.services.executions.admission import Admission
from shared.services.executions.freshness import catch_up
from shared.services.executions.heads import new_head
from shared.services.executions.launching import Launcher
from shared.services.executions.runs import item_kind
from shared.services.paging import pages
from shared.services.records import event
from shared.services.steps.attempts import HEAD
from shared.services.steps.packing import outputs_path, read_chunks, size_of, store_chunks

type Body = Mapping[str, Any]

ORDER: Final = "retry"
"""The id, and the kind, of the document with an order."""
PAGE: Final = 40
"""So many steps or items are read, and copied, at a time: of a step there are two documents."""
BATCH_BYTES: Final = 1024 * 1024
"""About the most that one transaction copies."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a retry was decided to be.

    Attributes:
        old: the execution that is retried.
        new: the execution that does it.
        origin: whose request it was; ``at`` when.
        owner: in whose name its steps execute other intents.
        kept: the steps that are kept, and how each ended, in the order of their ends.
        partly: the steps that run again for those items of their lists only that have not completed.
        lists: of the steps that are kept, those that ran for the items of a list.
        begun: the steps of irreversible actions that were begun before and run again.
        trace: the place of the new execution's span.
    """

    old: str
    new: str
    origin: Origin
    owner: Mapping[str, str]
    at: datetime
    kept: Sequence[tuple[str, str]]
    partly: Sequence[str]
    lists: Sequence[str]
    begun: Sequence[str]
    trace: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        asked = self.origin
        return {
            "id": ORDER,
            "kind": ORDER,
            "created_at": rfc3339(self.at),
            "new": self.new,
            "origin": [asked.principal, asked.request_id, asked.address],
            "decision": asked.decision.to_json() if asked.decision else None,
            "owner": dict(self.owner),
            "kept": [list(one) for one in self.kept],
            "partly": list(self.partly),
            "lists": list(self.lists),
            "begun": list(self.begun),
            "trace": dict(self.trace),
        }

    @classmethod
    def stored(cls, body: Mapping[str, Any]) -> Self:
        principal, request_id, address = body["origin"]
        decision = body.get("decision")  # releases before decisions were kept stored none
        return cls(
            old=body[EXECUTIONS.partition_field],
            new=body["new"],
            origin=Origin(
                principal, request_id, address, decision=Decision.permitting(decision) if decision else None
            ),
            owner=body["owner"],
            at=parse_rfc3339(body["created_at"]),
            kept=[(step, status) for step, status in body["kept"]],
            partly=body["partly"],
            lists=body["lists"],
            begun=body["begun"],
            trace=body["trace"],
        )


class RetryOrders:
    def __init__(
        self, *, documents: Documents, chains: Chains, admission: Admission, launcher: Launcher
    ) -> None:
        self._documents = documents
        self._chains = chains
        self._admission = admission
        self._launcher = launcher

    async def carry_out_left(self, scope: TenantScope, *, before: datetime) -> int:
        """Carry out the tenant's orders that were stored ``before`` and are still there; how many were."""
        done, after = 0, None
        while True:
            query = Query(
                EXECUTIONS,
                ORDER,
                where=[Where(("created_at",), "<", rfc3339(before))],
                order=[(("created_at",), "asc")],
                limit=PAGE,
                after=after,
            )
            page = await self._documents.query(scope, query)
            for document in page.items:
                await self.carry_out(scope, Order.stored(document.body))
                done += 1
            if (after := page.after) is None:
                return done

    async def carry_out_of(self, scope: TenantScope, old: str) -> None:
        """Carry out the order to retry the execution ``old``, if there is one left."""
        document = await self._documents.read(scope, container=EXECUTIONS, partition=old, id=ORDER)
        if document is not None:
            await self.carry_out(scope, Order.stored(document.body))

    async def carry_out(self, scope: TenantScope, order: Order) -> None:
        """Make the new execution, keep what is to be kept, and start it.

        Raises:
            UnavailableError: the store cannot be reached, or does not show yet all that is to be kept.
        """
        await catch_up(self._documents, scope, order.old)
        await self._make(scope, order)
        for step in order.partly:
            await self._keep_items(scope, order, step, every=False)
        for step in order.lists:
            await self._keep_items(scope, order, step, every=True)
        await self._keep_steps(scope, order)
        await self._transact(scope, order.new, [Patch(HEAD, set={("keeping",): False})])
        await self._admission.look(scope, order.new)
        await self._launcher.recover(scope, order.new)
        with suppress(DocumentMissingError):  # somebody else has carried it out, too
            done: list[Operation] = [Delete(ORDER), Patch(HEAD, set={("retrying",): False})]
            await self._transact(scope, order.old, done)

    async def _make(self, scope: TenantScope, order: Order) -> None:
        """Store the new execution, which nobody starts yet."""
        old = await self._read(scope, order.old, HEAD)
        plan = await self._read(scope, order.old, "plan")
        same = {name: old[name] for name in ("intent_id", "parameters", "plan_hash")}
        act = Act("execution.create", order.origin, None, {**same, "retry_of": order.old})
        entry = self._chains.add(Chain(scope, EXECUTIONS, order.new), None, act, now=order.at)
        total = old["progress"]["total"]
        head = new_head(
            order.new,
            {
                "intent": old["intent"],
                **same,
                "retry_of": order.old,
                "keeping": True,
                "audit": entry.link,
                **({"modules": old["modules"]} if "modules" in old else {}),
            },
            steps=total,
            now=order.at,
            created_by=order.origin.principal,
            owner=order.owner,
        )
        await self._admission.enter_again(scope, head, plan["plan"].get("concurrency"))
        snapshot = {
            "id": "plan",
            "kind": "plan",
            "plan": plan["plan"],
            "kept": [list(one) for one in order.kept],
            "begun": list(order.begun),
            **({"trace": dict(order.trace)} if order.trace else {}),
        }
        data = {"intent_id": old["intent_id"], "total": total, "retry_of": order.old}
        started = event(key="execution", type="execution_started", now=order.at, data=data, trace=order.trace)
        await self._once(
            scope, order.new, [Create(head), Create(snapshot), Create(started), *entry.operations]
        )

    async def _keep_steps(self, scope: TenantScope, order: Order) -> None:
        left = {step for step, _ in order.kept}
        async for page in self._pages(scope, order.old, "step"):
            for batch in _batches([body for body in page if body["step"] in left]):
                await self._keep_chunks(scope, order, batch)
                await self._keep_batch(scope, order, batch)
                left -= {body["step"] for body in batch}
        if left:
            raise UnavailableError(f"of {order.old}, steps cannot be seen yet: {', '.join(sorted(left))}")

    async def _keep_batch(self, scope: TenantScope, order: Order, batch: Sequence[Body]) -> None:
        operations: list[Operation] = []
        for body in batch:
            copy, step = _copy(body, order, outputs_path(order.new, body["step"])), body["step"]
            told = {"step": step, "status": body["status"], "kept_from": copy["kept_from"]}
            kept = event(key=f"{step}:0", type="step_kept", now=order.at, data=told, trace=order.trace)
            operations += [Create(copy), Create(kept)]
        statuses = [body["status"] for body in batch]
        counts: dict[Path, int] = {("progress", one): statuses.count(one) for one in sorted({*statuses})}
        operations.append(Patch(HEAD, increment=counts | _weight(batch)))
        if not await self._once(scope, order.new, operations) and len(batch) > 1:
            # Some of it is there, from a batch of another size: what is missing is kept by itself.
            for body in batch:
                await self._keep_batch(scope, order, [body])

    async def _keep_items(self, scope: TenantScope, order: Order, step: str, *, every: bool) -> None:
        async for page in self._pages(scope, order.old, item_kind(step)):
            for batch in _batches([body for body in page if every or is_good(body)]):
                await self._keep_chunks(scope, order, batch)
                if not await self._once(scope, order.new, _copied_items(batch, order)):
                    for body in batch:
                        await self._once(scope, order.new, _copied_items([body], order))

    async def _keep_chunks(self, scope: TenantScope, order: Order, batch: Sequence[Body]) -> None:
        """Copy what the large outputs of these documents consist of."""
        for body in batch:
            for chunk in await read_chunks(self._documents, scope, order.old, body):
                await store_chunks(self._documents, scope, order.new, [chunk])

    def _pages(self, scope: TenantScope, execution_id: str, kind: str) -> AsyncIterator[list[Body]]:
        return pages(self._documents, scope, Query(EXECUTIONS, kind, partition=execution_id, limit=PAGE))

    async def _read(self, scope: TenantScope, execution_id: str, id: str) -> Mapping[str, Any]:
        document = await self._documents.read(scope, container=EXECUTIONS, partition=execution_id, id=id)
        if document is None:
            raise UnavailableError(f"the {id} of {execution_id} cannot be seen yet")
        return document.body

    async def _once(self, scope: TenantScope, execution_id: str, operations: Sequence[Operation]) -> bool:
        """Store the operations; False if that was done before."""
        try:
            await self._transact(scope, execution_id, operations)
        except DocumentExistsError:
            return False
        return True

    async def _transact(
        self, scope: TenantScope, execution_id: str, operations: Sequence[Operation]
    ) -> Sequence[Document | None]:
        return await self._documents.transact(
            scope, container=EXECUTIONS, partition=execution_id, operations=operations
        )


def _copy(body: Body, order: Order, path: str) -> dict[str, Any]:
    """A step's or an item's document for the new execution: it says where it ran, and where to read it."""
    own = {"tenant_id", EXECUTIONS.partition_field}
    kept = {name: value for name, value in body.items() if name not in own}
    if kept.get("kept"):
        kept["outputs"] = {**kept["outputs"], "$ref": path}
    return {**kept, "kept_from": body.get("kept_from", order.old)}


def _copied_items(batch: Sequence[Body], order: Order) -> list[Operation]:
    paths = [outputs_path(order.new, body["step"], body["item"]) for body in batch]
    copies = [Create(_copy(body, order, path)) for body, path in zip(batch, paths, strict=True)]
    weight = _weight(batch)
    return [*copies, Patch(HEAD, increment=weight)] if weight else [*copies]


def _weight(batch: Sequence[Body]) -> dict[Path, int]:
    """What the large outputs among these add to those of the execution (``outcomes.py``)."""
    weight = sum(size_of(body) for body in batch if body.get("kept"))
    return {("weight",): weight} if weight else {}


def _batches(bodies: Sequence[Body]) -> list[list[Body]]:
    """``bodies`` in order, each batch small enough for a transaction."""
    batches: list[list[Body]] = []
    room = 0
    for body in bodies:
        size = len(orjson.dumps(body))
        if size > room:
            batches.append([])
            room = BATCH_BYTES
        batches[-1].append(body)
        room -= size
    return batches
