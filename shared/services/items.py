"""The items of a step with ``foreach``: which they are, and what they came to together."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from shared.domain import expressions
from shared.domain.plans import PlanStep
from shared.domain.steps import MAX_ITEMS
from shared.ports.actions import ActionError
from shared.ports.documents import EXECUTIONS, Documents, Query
from shared.security.scope import TenantScope
from shared.services.attempts import MAX_OUTPUT_BYTES, item_kind

READ_AT_ONCE: Final = 1000
TOLD_OF_ERROR: Final = 200
"""Characters of an item's error that are told among the step's outputs."""


def items_of(step: PlanStep, names: Mapping[str, Any]) -> list[Any]:
    """The items to run the step for.

    Raises:
        ActionError: it is no list, or too long.
        expressions.ExpressionError: the list cannot be made.
    """
    items = expressions.resolve(step.foreach, names)
    if not isinstance(items, list):
        kind = type(items).__name__
        raise ActionError("FOREACH", f"foreach must come to a list, and this is a {kind}", retryable=False)
    if len(items) > MAX_ITEMS:
        message = f"foreach has {len(items)} items; at most {MAX_ITEMS} are allowed: divide the list"
        raise ActionError("FOREACH", message, retryable=False)
    return items


async def read_items(
    documents: Documents, scope: TenantScope, execution_id: str, step: str
) -> dict[int, Mapping[str, Any]]:
    """What is stored of the items, by their places in the list."""
    found: dict[int, Mapping[str, Any]] = {}
    after: str | None = None
    while True:
        query = Query(EXECUTIONS, item_kind(step), partition=execution_id, limit=READ_AT_ONCE, after=after)
        page = await documents.query(scope, query)
        found.update({document.body["item"]: document.body for document in page.items})
        if (after := page.after) is None:
            return found


def first_failure(found: Mapping[int, Mapping[str, Any]], count: int) -> Mapping[str, Any] | None:
    """Why the step fails, if each item must have gone well: the error of the first that did not."""
    for item in range(count):
        if item not in found:
            continue
        if (error := found[item]["error"]) is not None and found[item]["status"] == "failed":
            return {"code": error["code"], "message": f"item {item}: {error['message']}", "item": item}
    if len(found) < count:
        return {"code": "INTERNAL", "message": f"{count - len(found)} of {count} items were not run"}
    return None


def gathered(found: Mapping[int, Mapping[str, Any]], count: int) -> Mapping[str, Any]:
    """The step's outputs: ``items`` in their order, and ``counts``.

    If that is too much to keep, the outputs of the items are left out, then their errors: then ``omitted``
    says so, and each item's own record has them.
    """
    statuses = [_status(found.get(item)) for item in range(count)]
    counts = {"total": count, **{kind: statuses.count(kind) for kind in ("completed", "failed", "skipped")}}
    fields: Sequence[str] = ("outputs", "error")
    for omitted in range(len(fields) + 1):
        kept = fields[omitted:]
        items = [_told(found.get(item), status, kept) for item, status in enumerate(statuses)]
        outputs = {
            "items": items,
            "counts": counts,
            **({"omitted": list(fields[:omitted])} if omitted else {}),
        }
        if len(orjson.dumps(outputs)) <= MAX_OUTPUT_BYTES:
            break
    return outputs


def _status(stored: Mapping[str, Any] | None) -> str:
    if stored is None or stored["status"] not in {"completed", "failed"}:
        return "skipped"
    return str(stored["status"])


def _told(stored: Mapping[str, Any] | None, status: str, fields: Sequence[str]) -> dict[str, Any]:
    told: dict[str, Any] = {"status": status}
    for name in fields:
        if stored is not None and (value := stored[name]) is not None:
            told[name] = value
    if "error" in told:
        told["error"] = {**told["error"], "message": told["error"]["message"][:TOLD_OF_ERROR]}
    return told
