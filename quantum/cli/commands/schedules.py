"""Schedules: intents that are executed by themselves."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from quantum.cli import completing, inputs
from quantum.cli.commands.kept import kept
from quantum.cli.output import Moment, field, moment
from quantum.cli.session import each, run

if TYPE_CHECKING:  # loaded when it is needed
    from quantum.client import Client
    from quantum.contract.schedules import Schedule

COLUMNS = {"NAME": field("name"), "INTENT": field("intent"), "CRON": field("cron"), "ZONE": field("timezone")}
COLUMNS |= {"STATUS": field("status"), "NEXT": lambda one: next(map(Moment, one["next_fire_times"]), None)}
COLUMNS |= {"LAST": moment("last_execution", "started_at")}
app = kept("schedules", COLUMNS, example="nightly", help="Intents that are executed by themselves.")
REPLACED = ("intent", "cron", "timezone", "parameters", "overlap", "catch_up", "start", "end", "description")


@app.command(
    "set", epilog="Example: quantum schedules set nightly backup --cron '30 2 * * *' --timezone Europe/Berlin"
)
def put(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Of the schedule.")],
    intent: Annotated[
        str,
        typer.Argument(
            help="What is executed: a name, or the id of a version.", autocompletion=completing.intents
        ),
    ],
    *,
    cron: Annotated[str, typer.Option(help="Minute, hour, day, month, weekday; or @daily and such.")],
    timezone: Annotated[str, typer.Option(help="In which the times are.")] = "UTC",
    values: inputs.Set = None,
    file: inputs.SetFile = None,
    overlap: Annotated[str, typer.Option(help="skip, queue or allow, when the last goes on.")] = "skip",
    catch_up: Annotated[
        int, typer.Option(min=0, help="Times that were missed and are made up for at most.")
    ] = 1,
    start: Annotated[str | None, typer.Option(help="Not before, as 2024-01-04T10:00:00Z.")] = None,
    end: Annotated[str | None, typer.Option(help="Not after.")] = None,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
) -> None:
    """Have an intent executed at times, in your name."""
    given: Any = {"intent": intent, "cron": cron, "timezone": timezone, "overlap": overlap}
    parameters = inputs.parameters(values, file)
    given |= {"description": description}
    given |= {name: value for name, value in (("start", start), ("end", end)) if value is not None}
    given |= {"catch_up": catch_up}

    async def keep(client: "Client") -> "Schedule":
        fit = await inputs.fitting(client, intent, values, parameters)
        return await client.schedules.put(name, **given, parameters=fit)

    stored = run(context, keep)
    print(f"{name} is {stored.status}; next: {', '.join(stored.next_fire_times[:3])}")


@app.command(epilog="Example: quantum schedules preview '30 2 * * mon-fri' --timezone Europe/Berlin")
def preview(
    context: typer.Context,
    cron: Annotated[str, typer.Argument(help="Minute, hour, day, month, weekday; or @daily and such.")],
    *,
    timezone: Annotated[str, typer.Option(help="In which the times are.")] = "UTC",
    start: Annotated[str | None, typer.Option(help="Not before, as 2024-01-04T10:00:00Z.")] = None,
    end: Annotated[str | None, typer.Option(help="Not after.")] = None,
) -> None:
    """When a schedule would fire; nothing is kept."""
    found = run(context, lambda client: client.schedules.preview(cron, timezone, start=start, end=end))
    print("\n".join(str(Moment(time)) for time in found.next_fire_times) or "never")


@app.command(epilog="Example: quantum schedules pause nightly")
def pause(context: typer.Context, names: inputs.Ids) -> None:
    """Have schedules rest; no time of the meantime is made up."""
    _rest(context, names, paused=True)


@app.command(epilog="Example: quantum schedules resume nightly")
def resume(context: typer.Context, names: inputs.Ids) -> None:
    """Have them go on, in your name."""
    _rest(context, names, paused=False)


def _rest(context: typer.Context, names: list[str], *, paused: bool) -> None:
    from quantum.client.addresses import path

    async def one_of(client: "Client", name: str) -> str:
        answer = await client.get(path("schedules", name))
        there: Any = {key: value for key, value in answer.json().items() if key in REPLACED}
        stored = await client.schedules.put(name, **there | {"paused": paused}, if_match=answer.etag)
        return f"{name} {stored.status}"

    each(context, inputs.ids(names), one_of)
