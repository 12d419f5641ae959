"""The audit trail: who did what, and proof of it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from quantum.cli.commands.executions import first
from quantum.cli.commands.kept import Limit
from quantum.cli.exits import Exit
from quantum.cli.lines import write_lines
from quantum.cli.output import Format, Output, field, moment, show
from quantum.cli.session import run

app = typer.Typer(no_args_is_help=True, help="Who did what, and proof of it.")
Intent = Annotated[str | None, typer.Option(help="Only what was done to this intent.")]
Execution = Annotated[str | None, typer.Option(help="Only what was done to this execution.")]
Principal = Annotated[str | None, typer.Option(help="Only what was done by, as ada@acme.")]
Action = Annotated[str | None, typer.Option(help="Only this, as intent.create.")]
Since = Annotated[str | None, typer.Option(help="Done at or after, as 2024-01-04T10:00:00Z.")]
Until = Annotated[str | None, typer.Option(help="Done before.")]
COLUMNS = {
    "TIME": moment("time"),
    "WHO": field("principal"),
    "WHAT": field("action"),
    "CHAIN": field("chain"),
}
COLUMNS |= {"NUMBER": field("number"), "FROM": field("address")}


@app.command("list", epilog="Example: quantum audit list --principal ada@acme --action intent.create")
def list_(
    context: typer.Context,
    *,
    intent: Intent = None,
    execution: Execution = None,
    principal: Principal = None,
    action: Action = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    output: Output = Format.TABLE,
) -> None:
    """What was done, the newest first."""
    asked: Any = {"intent": intent, "execution": execution, "principal": principal, "action": action}
    asked |= {"since": since, "until": until, "limit": min(limit, 200)}
    show(run(context, lambda client: first(limit, client.audit.list(**asked))), output, COLUMNS)


@app.command(epilog="Example: quantum audit verify --intent deploy")
def verify(context: typer.Context, *, intent: Intent = None, execution: Execution = None) -> None:
    """Verify that no record was altered, removed or added. Status 1: one was."""
    found = run(context, lambda client: client.audit.verify(intent=intent, execution=execution))
    for damage in found.damage:
        print(f"✗ {damage.chain}: {damage.message}")
    print(f"{'✓ whole' if found.verified else '✗ DAMAGED'}: {found.chains} chains, {found.records} records")
    if not found.verified:
        raise typer.Exit(Exit.FAILED)


@app.command(
    epilog="Example: quantum audit export trail.ndjson && python -m quantum.audit verify trail.ndjson"
)
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="To write; `-` is standard output.")],
    *,
    intent: Intent = None,
    execution: Execution = None,
    principal: Principal = None,
    action: Action = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Export the trail as lines of JSON, which anybody can verify without the platform."""
    asked: Any = {"intent": intent, "execution": execution, "principal": principal, "action": action}

    write_lines(context, file, lambda client: client.audit.export(**asked, since=since, until=until))
