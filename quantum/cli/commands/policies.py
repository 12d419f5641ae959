"""The tenant's own policies."""

from pathlib import Path
from typing import Annotated

import typer

from quantum.cli import inputs
from quantum.cli.commands.kept import kept
from quantum.cli.exits import Exit
from quantum.cli.output import Format, Output, detail, field, joined, moment
from quantum.cli.session import run

COLUMNS = {"NAME": field("name"), "ENABLED": field("enabled"), "UPDATED": moment("updated_at")}
COLUMNS |= {"BY": field("updated_by"), "DESCRIPTION": field("description")}
DECISION = {"ALLOWED": field("allowed"), "BY": joined("policies"), "PRINCIPAL": field("principal")}
DECISION |= {"OPERATION": field("operation"), "RESOURCE": field("resource")}
app = kept("policies", COLUMNS, example="production-by-operations", help="Who may do what, when and to what.")


@app.command("set", epilog="Example: quantum policies set production-by-operations rules.cedar")
def put(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Of the policy.")],
    file: Annotated[Path, typer.Argument(help="Its text, in Cedar; `-` is standard input.")],
    *,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    enabled: Annotated[bool, typer.Option(help="Whether it is asked.")] = True,
) -> None:
    """Put a policy, in place of the one that has its name."""
    text = inputs.text(file)
    stored = run(
        context,
        lambda client: client.policies.put(name, text, description=description, enabled=enabled),
    )
    print(f"{stored.name} is {'asked' if stored.enabled else 'not asked'} from now on")


@app.command(epilog="Example: quantum policies check intents.execute deploy --user bob")
def check(
    context: typer.Context,
    operation: Annotated[str, typer.Argument(help="What is to be done, as intents.execute.")],
    resource: Annotated[
        str | None, typer.Argument(help="What it is done to; left out: nothing in particular.")
    ] = None,
    *,
    user: Annotated[str | None, typer.Option(help="Who does it; left out: you.")] = None,
    at: Annotated[str | None, typer.Option(help="When, as 2024-01-04T10:00:00Z; left out: now.")] = None,
    address: Annotated[
        str | None, typer.Option(help="From which address, as 192.0.2.7; left out: yours.")
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Whether something would be allowed, and what decides. Status 1: it would not."""
    decided = run(
        context, lambda client: client.policies.check(operation, resource, user=user, at=at, address=address)
    )
    detail(decided.model_dump(mode="json"), output, DECISION)
    if not decided.allowed:
        raise typer.Exit(Exit.FAILED)
