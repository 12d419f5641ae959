"""Subscriptions: events to a signed webhook."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from quantum.cli.commands.executions import first
from quantum.cli.commands.kept import Limit, kept
from quantum.cli.output import Format, Output, field, joined, moment, show
from quantum.cli.session import run

if TYPE_CHECKING:  # loaded when it is needed
    from quantum.client import Client

COLUMNS = {
    "NAME": field("name"),
    "URL": field("url"),
    "EVENTS": joined("events"),
    "ENABLED": field("enabled"),
}
DELIVERIES = {
    "ID": field("id"),
    "TYPE": field("type"),
    "STATUS": field("status"),
    "ATTEMPTS": field("attempts"),
}
DELIVERIES |= {"ANSWER": field("last_status"), "CREATED": moment("created_at"), "ERROR": field("error")}
app = kept("subscriptions", COLUMNS, example="deployments", help="Events to signed webhooks.")


@app.command(
    "set",
    epilog="Example: quantum subscriptions set ops https://hooks.example.com/q --event execution_failed",
)
def put(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Of the subscription.")],
    url: Annotated[str, typer.Argument(help="Where events are sent by POST.")],
    *,
    event: Annotated[list[str], typer.Option(help="A type of events, or * for all. Repeat it.")],
    enabled: Annotated[
        bool, typer.Option("--enabled/--disabled", help="Whether anything is sent.", show_default=False)
    ] = True,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
) -> None:
    """Have events sent somewhere. The secret that signs them is shown this once."""
    stored = run(
        context,
        lambda client: client.subscriptions.put(
            name, url=url, events=event, enabled=enabled, description=description
        ),
    )
    verb = "sends" if stored.enabled else "would send"
    print(f"{stored.name} {verb} {', '.join(stored.events)} to {stored.url}")
    if stored.secret:
        print(f"signed with {stored.secret}")


@app.command(epilog="Example: quantum subscriptions deliveries deployments --status dead")
def deliveries(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Of the subscription.")],
    *,
    status: Annotated[str | None, typer.Option(help="pending, delivered or dead.")] = None,
    limit: Limit = 50,
    output: Output = Format.TABLE,
) -> None:
    """What was sent, the newest first."""

    async def find(client: "Client") -> list[dict[str, Any]]:
        asked: Any = {"status": status}
        return await first(limit, client.subscriptions.deliveries(name, **asked, limit=min(limit, 200)))

    show(run(context, find), output, DELIVERIES)
