"""Modules: what steps can do, the platform's own and the tenant's."""

from pathlib import Path
from typing import Annotated

import typer

from quantum.cli import completing, inputs
from quantum.cli.commands.kept import kept
from quantum.cli.exits import Exit
from quantum.cli.output import field
from quantum.cli.session import fail, run

COLUMNS = {
    "NAME": field("name"),
    "VERSION": field("version"),
    "ACTIONS": lambda one: " ".join(action["name"] for action in one["actions"]),
    "DESCRIPTION": field("description"),
}
app = kept("modules", COLUMNS, example="scanner", help="What steps can do.")
Name = Annotated[
    str,
    typer.Argument(
        help="Of the module; steps name its actions `<module>/<action>`.", autocompletion=completing.modules
    ),
]


@app.command(
    "set", epilog="Example: quantum modules set scanner https://modules.example.com/scanner manifest.yaml"
)
def put(
    context: typer.Context,
    name: Name,
    endpoint: Annotated[str, typer.Argument(help="Where it is asked.")],
    manifest: Annotated[Path, typer.Argument(help="What it can do, as JSON or YAML; `-` is standard input.")],
) -> None:
    """Make a module of the tenant's own, or a version of it. Its key is shown when it is made."""
    documents = list(inputs.documents(manifest))
    if len(documents) != 1:
        fail(f"{manifest} has {len(documents)} documents, not one", Exit.USAGE)
    (told,) = documents
    stored = run(context, lambda client: client.modules.put(name, endpoint=endpoint, manifest=told))
    print(f"{stored.name} has version {stored.version}")
    if stored.secret:
        print(f"signed with {stored.secret}")


@app.command("rotate-key", epilog="Example: quantum modules rotate-key scanner")
def rotate_key(context: typer.Context, name: Name) -> None:
    """Give a module another key, shown this once; for a day calls are signed with both."""
    print(f"signed with {run(context, lambda client: client.modules.rotate_key(name)).secret}")
