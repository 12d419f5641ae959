"""Doing the same to many executions: those that a filter finds, after it was told which they are."""

import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from quantum.cli import asking, completing
from quantum.cli.exits import Exit
from quantum.cli.output import COLOURS, Moment
from quantum.cli.session import fail, run, spinner, tell
from quantum.cli.terminal import paint

if TYPE_CHECKING:  # loaded when it is needed
    from quantum.client import Client

type Operation = Literal["cancel", "pause", "resume", "terminate", "retry"]

Ids = Annotated[
    list[str] | None,
    typer.Argument(
        help="One or more; `-` reads them from standard input. Or many, by the options.",
        autocompletion=completing.executions,
    ),
]
Intent = Annotated[
    str | None,
    typer.Option(help="All of this intent, or of this version of it.", autocompletion=completing.intents),
]
Status = Annotated[
    str | None, typer.Option(help="All of this status; if left out, those that it can be done to.")
]
Parent = Annotated[str | None, typer.Option(help="All that this execution has started.")]
Since = Annotated[str | None, typer.Option(help="All created at or after, as 2024-01-04T10:00:00Z.")]
Until = Annotated[str | None, typer.Option(help="All created before.")]
All = Annotated[bool, typer.Option("--all", help="All that it can be done to, whatever the intent.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it to many without asking.")]
SHOWN = 20
"""Executions that are named before it is asked whether they are meant."""
ENDED = frozenset({"completed", "failed", "cancelled"})
STATUSES: Mapping[str, Exit] = {
    "NOT_FOUND": Exit.NOT_FOUND,
    "FORBIDDEN": Exit.AUTHENTICATION,
    "CONFLICT": Exit.CONFLICT,
    "IRREVERSIBLE": Exit.CONFLICT,
}
"""By the code of an error; of others it is that something failed."""


def chosen(**conditions: str | None) -> dict[str, str]:
    """The filter that was said, if one was."""
    return {name: value for name, value in conditions.items() if value is not None}


def do(
    context: typer.Context,
    operation: Operation,
    conditions: Mapping[str, str],
    *,
    everything: bool,
    yes: bool,
    reason: str | None,
) -> None:
    """Do it to all that the filter finds now, and to none that begins after they were told."""
    found = run(context, lambda client: _found(client, operation, conditions))
    if not found:
        print("there is none that it could be done to", file=sys.stderr)
        return
    for one in found[:SHOWN]:
        status = paint(one.status, COLOURS.get(one.status))
        told = f"  {one.execution_id}  {one.intent_id}  {status}  {Moment(one.created_at)}"
        print(told, file=sys.stderr)
    if found[SHOWN:]:
        print(f"  and {len(found) - SHOWN} more", file=sys.stderr)
    if not yes:
        asking.confirm(f"{operation} {len(found)} execution{'s' if found[1:] else ''}?")
    newest = datetime.fromisoformat(found[0].created_at) + timedelta(microseconds=1)
    meant = {**conditions, "until": newest.isoformat()}
    worst = run(
        context,
        lambda client: _do(client, operation, meant, everything=everything, reason=reason, total=len(found)),
        quiet=True,
    )
    if worst:
        raise typer.Exit(worst)


async def _found(client: "Client", operation: Operation, conditions: Mapping[str, Any]) -> list[Any]:
    asked = dict(conditions)
    if operation == "retry":
        asked.setdefault("status", "failed")
    listed = client.executions.list(**asked, limit=200)
    return [one async for one in listed if operation == "retry" or one.status not in ENDED]


async def _do(
    client: "Client",
    operation: Operation,
    conditions: Mapping[str, Any],
    *,
    everything: bool,
    reason: str | None,
    total: int,
) -> Exit:
    worst, cursor, count = Exit.OK, None, 0
    with spinner(operation, total) as done:
        while True:
            page = await client.executions.bulk(
                operation, conditions, all=everything or None, reason=reason, cursor=cursor
            )
            for item in page.items:
                if item.error is not None:
                    tell(f"{item.execution_id}: {item.error.code}: {item.error.message}")
                    worst = worst or STATUSES.get(item.error.code, Exit.FAILED)
                else:
                    print(f"{item.retried_by or item.execution_id} {item.status}", flush=True)
            count += len(page.items)
            done(count)
            cursor = page.next_cursor
            if cursor is None:
                return worst


def one_or_many(ids: list[str] | None, conditions: Mapping[str, str], *, everything: bool) -> bool:
    """Whether many are meant, by a filter; else those that are named.

    Ends with a message if both are, or neither.
    """
    many = bool(conditions) or everything
    if many and ids:
        fail("say which executions are meant either by their ids or by options, not by both", Exit.USAGE)
    if not many and not ids:
        fail("which executions? Their ids, or --intent, --status, --since, --all", Exit.USAGE)
    return many
