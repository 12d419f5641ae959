"""Members of the tenant."""

from typing import Annotated

import typer

from quantum.cli import inputs
from quantum.cli.commands.kept import kept
from quantum.cli.output import field, joined
from quantum.cli.session import run

COLUMNS = {
    "USER": field("user"),
    "KIND": field("kind"),
    "ROLES": joined("roles"),
    "ATTRIBUTES": joined("attributes"),
}
app = kept("members", COLUMNS, example="bob", help="Who belongs to the tenant.")


@app.command(
    "set", epilog="Example: quantum members set bob --role operator --issuer urn:quantum:local --subject bob"
)
def put(
    context: typer.Context,
    user: Annotated[str, typer.Argument(help="The member's name in the tenant.")],
    *,
    role: Annotated[list[str], typer.Option(help="What it may do is what any of them permits. Repeat it.")],
    attribute: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A fact that policies may ask about. Repeat it."),
    ] = None,
    kind: Annotated[str | None, typer.Option(help="user or service; of a new member.")] = None,
    issuer: Annotated[str | None, typer.Option(help="The `iss` of its tokens; of a new member.")] = None,
    subject: Annotated[
        str | None, typer.Option(help="The `sub` of its tokens (Entra ID: `oid`); of a new one.")
    ] = None,
) -> None:
    """Put a member, with these roles and attributes in place of those there are."""
    from quantum.client import Client  # for the type of what is called

    async def store(client: Client) -> list[str]:
        attributes = inputs.parameters(attribute, None)
        named: dict[str, object] = {"kind": kind, "issuer": issuer, "subject": subject}
        member = await client.members.put(user, role, attributes=attributes, **named)  # type: ignore[arg-type]  # texts
        return member.roles

    print(f"{user} is {', '.join(run(context, store))}")
