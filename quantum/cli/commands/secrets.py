"""Secrets: what steps may use and nobody may read."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from quantum.cli import completing, inputs
from quantum.cli.commands.kept import kept
from quantum.cli.exits import Exit
from quantum.cli.output import field, moment
from quantum.cli.session import each, fail, run

if TYPE_CHECKING:  # loaded when it is needed
    from quantum.client import Client

COLUMNS = {"NAME": field("name"), "VERSION": field("version"), "UPDATED": moment("updated_at")}
COLUMNS |= {"BY": field("updated_by"), "DESCRIPTION": field("description")}
app = kept(
    "secrets",
    COLUMNS,
    example="REGISTRY_TOKEN",
    help="What steps may use and nobody may read.",
    deletes=False,
)
Names = Annotated[
    list[str],
    typer.Argument(
        help="One or more; `-` reads them from standard input.",
        autocompletion=completing.offers("secrets", "name", about=("description",)),
    ),
]


@app.command("set", epilog="Example: openssl rand -hex 16 | quantum secrets set REGISTRY_TOKEN")
def put(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Steps have it as ${{ secrets.NAME }}.")],
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
) -> None:
    """Put a secret, or its next value, from standard input or by typing it unseen; never as an argument."""
    if sys.stdin.isatty():
        try:
            value = typer.prompt("Value", hide_input=True, confirmation_prompt=True, err=True)
        except typer.Abort:
            print("\nnothing was done", file=sys.stderr)
            raise typer.Exit(Exit.INTERRUPTED) from None
    else:
        value = sys.stdin.read().removesuffix("\n")
    if not value:
        fail("there is no value on standard input", Exit.USAGE)
    stored = run(context, lambda client: client.secrets.put(name, value, description=description))
    print(f"{stored.name} has version {stored.version}")


@app.command(epilog="Example: quantum secrets delete REGISTRY_TOKEN")
def delete(
    context: typer.Context,
    names: Names,
    *,
    even_if_used: Annotated[
        bool, typer.Option("--even-if-used", help="Although intents name it: their next execution fails.")
    ] = False,
) -> None:
    """Delete secrets."""

    async def drop(client: "Client", name: str) -> str:
        await client.secrets.delete(name, even_if_used=even_if_used or None)
        return f"{name} deleted"

    each(context, inputs.ids(names), drop)
