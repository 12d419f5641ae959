"""The queue of a tenant's executions, as a test looks at it."""

from collections.abc import Mapping
from typing import Any

from shared.domain.executions import TERMINAL_STATUSES
from shared.ports.documents import EXECUTIONS, TENANCY, Query
from shared.services.executions.tickets import PARTITION
from tests.services.conftest import Workshop

type Body = Mapping[str, Any]


async def stored(workshop: Workshop, kind: str) -> list[Body]:
    """The tenant's documents of that kind in the partition of the queue."""
    query = Query(TENANCY, kind, partition=PARTITION, limit=10_000)
    page = await workshop.documents.query(workshop.ada.scope, query)
    return [document.body for document in page.items]


async def heads(workshop: Workshop) -> list[Body]:
    page = await workshop.documents.query(
        workshop.ada.scope, Query(EXECUTIONS, "execution", order=[(("created_at",), "asc")], limit=10_000)
    )
    return [document.body for document in page.items]


async def running(workshop: Workshop) -> list[str]:
    """The executions that were started and have not ended."""
    ended = {one["execution_id"] for one in await heads(workshop) if one["status"] in TERMINAL_STATUSES}
    return [name for name in workshop.orchestrations.started if name not in ended]


async def check_counts(workshop: Workshop) -> None:
    """What is counted is what there is, and nobody in a line is before whom it let go."""
    tickets, lines = await stored(workshop, "ticket"), await stored(workshop, "line")
    if not (books := await stored(workshop, "book")):
        assert not tickets
        return
    (book,) = books
    by_line: dict[str, list[Body]] = {line["intent"]: [] for line in lines}
    for ticket in tickets:
        by_line[ticket["line"]].append(ticket)
    roots = [one for one in tickets if not one["child"]]
    assert book["running"] == sum(one["status"] == "admitted" for one in roots)
    assert book["waiting"] == sum(one["status"] != "admitted" for one in tickets)
    assert book["open"] == sum(line["status"] == "open" for line in lines)
    assert book["children"] == sum(line["status"] == "child" for line in lines)
    for line in lines:
        mine = by_line[line["intent"]]
        went = [one["number"] for one in mine if one["status"] == "admitted" and not one["child"]]
        waits = [one["number"] for one in mine if one["status"] == "queued"]
        assert line["running"] == sum(one["status"] == "admitted" for one in mine)
        assert line["queued"] == len(waits)
        assert line["number"] == min(waits, default=0)
        assert max(went, default=0) < min(waits, default=book["next"]), (went, waits)
