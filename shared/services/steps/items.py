"""The items of a step with ``foreach``: which they are, and what they came to together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.domain import expressions
from shared.domain.errors import DocumentStaleError
from shared.domain.plans import PlanStep
from shared.domain.steps import MAX_ITEMS
from shared.domain.times import rfc3339
from shared.domain.waiting import load
from shared.ports.actions import ActionError
from shared.ports.documents import EXECUTIONS, MAX_OPERATIONS, Documents, Operation, Patch, Path, Query, Where
from shared.security.scope import TenantScope
from shared.services.executions.freshness import catch_up
from shared.services.executions.runs import Run, item_kind
from shared.services.steps.attempts import HEAD
from shared.services.steps.packing import read_whole, size_of, unstorable

OPEN: Final = frozenset({"running", "waiting", "retrying"})
"""The statuses of items that have begun and not ended."""
READ_AT_ONCE: Final = 200
"""Documents of items, each of which may have 64 KiB of outputs."""
NAMED: Final = 100
"""Items that are named where some could not be undone."""
TOLD_OF_ERROR: Final = 200
"""Characters of an item's error that are told among the step's outputs."""


def items_of(step: PlanStep, names: Mapping[str, Any]) -> list[Any]:
    """The items to run the step for.

    Raises:
        ActionError: it is no list, or too long.
        expressions.ExpressionError: the list cannot be made.
    """
    items = expressions.resolve({"foreach": step.foreach}, names)["foreach"]
    if not isinstance(items, list):
        message = f"foreach must come to a list, and this is {_KINDS.get(type(items), 'no list')}"
        raise ActionError("FOREACH", message, retryable=False)
    if len(items) > MAX_ITEMS:
        message = f"foreach has {len(items)} items; at most {MAX_ITEMS} are allowed: divide the list"
        raise ActionError("FOREACH", message, retryable=False)
    return items


_KINDS: Final[Mapping[type, str]] = {
    str: "a text",
    dict: "an object",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


@dataclass(slots=True)
class Item:
    """What is stored of one item, as far as that is put together."""

    status: str
    error: Mapping[str, Any] | None
    outputs: Mapping[str, Any] | None = None
    omitted: bool = False
    """Whether it has outputs that are left out here."""
    unknown: bool = False
    """Of a dry run: whether only a real run can tell what it comes to."""
    compensation: Mapping[str, Any] | None = None
    """How undoing it stands."""


async def read_items(
    documents: Documents, scope: TenantScope, execution_id: str, step: str, *, limit: int
) -> dict[int, Item]:
    """What is stored of the items, by their places in the list.

    Outputs that would be more than ``limit`` bytes together are not held in memory: then all are left out.
    """
    found: dict[int, Item] = {}
    large: dict[int, Mapping[str, Any]] = {}
    left = limit
    after: str | None = None
    while True:
        query = Query(EXECUTIONS, item_kind(step), partition=execution_id, limit=READ_AT_ONCE, after=after)
        page = await documents.query(scope, query)
        for body in (document.body for document in page.items):
            unknown = bool(body.get("unknown"))
            item = found[body["item"]] = Item(body["status"], body["error"], body["outputs"], unknown=unknown)
            item.compensation = body.get("compensation")
            left -= size_of(body)
            if body.get("kept"):
                large[body["item"]] = body
        if left < 0:
            large.clear()
            for item in found.values():
                item.omitted = item.omitted or item.outputs is not None
                item.outputs = None
        if (after := page.after) is None:
            break
    for place, body in large.items():
        found[place].outputs = await read_whole(documents, scope, execution_id, body)
    return found


async def let_go(
    documents: Documents, scope: TenantScope, execution_id: str, step: str, *, run: Run, now: datetime
) -> None:
    """Give the items that nobody goes on with their last state: no late delivery comes to another.

    Whoever calls has caught up with the partition.
    """
    query = Query(
        EXECUTIONS,
        item_kind(step),
        partition=execution_id,
        where=[Where(("status",), "in", sorted(OPEN))],
        limit=MAX_OPERATIONS - 1,
    )
    while items := (await documents.query(scope, query)).items:
        operations: list[Operation] = [_let_go(document.body, now) for document in items]
        counted = sum(load(document.body["status"]) for document in items)
        if counted and run.loaded:
            operations.append(Patch(HEAD, increment={("load",): -counted}))
        try:
            await documents.transact(
                scope, container=EXECUTIONS, partition=execution_id, operations=operations
            )
        except DocumentStaleError:
            await catch_up(documents, scope, execution_id)


def _let_go(stored: Mapping[str, Any], now: datetime) -> Patch:
    changes: dict[Path, Any] = {("status",): "cancelled", ("finished_at",): rfc3339(now), ("waiting",): None}
    standing: dict[Path, Any] = {("status",): stored["status"], ("attempts",): stored["attempts"]}
    return Patch(stored["id"], set=changes, where=standing)


def first_failure(found: Mapping[int, Item], count: int) -> Mapping[str, Any] | None:
    """Why the step fails, if each item must have gone well: the error of the first that did not."""
    for place in range(count):
        item = found.get(place)
        if item is not None and item.status == "failed" and (error := item.error) is not None:
            return {"code": error["code"], "message": f"item {place}: {error['message']}", "item": place}
    if len(found) < count:
        return {"code": "INTERNAL", "message": f"{count - len(found)} of {count} items were not run"}
    return None


def gathered(found: Mapping[int, Item], count: int, *, limit: int) -> Mapping[str, Any]:
    """The step's outputs: ``items`` in their order, and ``counts``.

    If that is more than ``limit`` bytes, the outputs of the items are left out, then their errors: then
    ``omitted`` says so, and each item's own record has them.
    """
    statuses = [_status(found.get(place)) for place in range(count)]
    counts = {"total": count, **{kind: statuses.count(kind) for kind in ("completed", "failed", "skipped")}}
    lost = any(item.omitted for item in found.values())
    fields: Sequence[str] = ("outputs", "error")
    for omitted in range(lost, len(fields) + 1):
        kept = fields[omitted:]
        items = [_told(found.get(place), status, kept) for place, status in enumerate(statuses)]
        outputs = {
            "items": items,
            "counts": counts,
            **({"omitted": list(fields[:omitted])} if omitted else {}),
        }
        if unstorable(outputs, limit=limit) is None:
            break
    return outputs


def undoing(found: Mapping[int, Item]) -> int:
    """How many items, from the first of the list on, are to be looked at; 0: none has completed."""
    return 1 + max((place for place, item in found.items() if item.status == "completed"), default=-1)


def not_undone(found: Mapping[int, Item]) -> Mapping[str, Any] | None:
    """Which items could not be undone, and why the first of them could not; None: there is none."""
    left = {place: item for place, item in sorted(found.items()) if item.status == "completed"}
    if not left:
        return None
    first, item = next(iter(left.items()))
    error = (item.compensation or {}).get("error") or {"code": "INTERNAL", "message": "it was not tried"}
    message = f"{len(left)} items could not be undone; item {first}: {error['message']}"
    return {"code": error["code"], "message": message, "items": list(left)[:NAMED]}


def _status(item: Item | None) -> str:
    return item.status if item is not None and item.status in {"completed", "failed"} else "skipped"


def _told(item: Item | None, status: str, fields: Sequence[str]) -> dict[str, Any]:
    told: dict[str, Any] = {"status": status}
    if item is not None and "outputs" in fields and item.outputs is not None:
        told["outputs"] = item.outputs
    if item is not None and "error" in fields and (error := item.error) is not None:
        told["error"] = {**error, "message": error["message"][:TOLD_OF_ERROR]}
    return told
