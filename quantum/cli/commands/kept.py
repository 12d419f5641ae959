"""What a tenant keeps by name, and is listed, read and deleted alike whatever it is."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from quantum.cli import completing, inputs
from quantum.cli.commands.executions import first
from quantum.cli.output import Columns, Format, Output, as_yaml, detail, show
from quantum.cli.session import each, run

if TYPE_CHECKING:  # loaded when it is needed
    from quantum.client import Client

Limit = Annotated[int, typer.Option(min=1, help="At most so many.")]


def kept(plural: str, columns: Columns, *, example: str, help: str, deletes: bool = True) -> typer.Typer:
    """The commands ``list``, ``get`` and ``delete`` of ``client.<plural>``; more may be put beside them.

    Without ``deletes``, there is a ``delete`` that has more to it.
    """
    app = typer.Typer(no_args_is_help=True, help=help)
    offered = completing.offers(plural, "name", "user", about=("description",))
    one_of = f"As `quantum {plural} list` has it."
    many_of = "One or more; `-` reads them from standard input."

    def list_(context: typer.Context, limit: Limit = 100, output: Output = Format.TABLE) -> None:
        async def find(client: "Client") -> list[dict[str, Any]]:
            return await first(limit, getattr(client, plural).list(limit=min(limit, 200)))

        show(run(context, find), output, columns)

    def get(
        context: typer.Context,
        name: Annotated[str, typer.Argument(help=one_of, autocompletion=offered)],
        output: Output = Format.TABLE,
    ) -> None:
        show_one(run(context, lambda client: getattr(client, plural).get(name)), output, columns)

    def delete(
        context: typer.Context,
        names: Annotated[list[str], typer.Argument(help=many_of, autocompletion=offered)],
    ) -> None:
        async def drop(client: "Client", name: str) -> str:
            await getattr(client, plural).delete(name)
            return f"{name} deleted"

        each(context, inputs.ids(names), drop)

    list_.__doc__ = f"List the {plural} of the tenant."
    get.__doc__ = f"All about one of the {plural}."
    delete.__doc__ = f"Delete {plural}."
    app.command("list", epilog=f"Example: quantum {plural} list -o json")(list_)
    app.command("get", epilog=f"Example: quantum {plural} get {example}")(get)
    if deletes:
        app.command("delete", epilog=f"Example: quantum {plural} delete {example}")(delete)
    return app


def show_one(model: Any, output: Format, columns: Columns) -> None:
    """A model of the contract: in full, but for ids alone."""
    found = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    if output is Format.TABLE:
        print(as_yaml(found), end="")
    else:
        detail(found, output, columns)
