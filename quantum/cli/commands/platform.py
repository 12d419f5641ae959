"""The platform itself: its release, how it stands, and what it has done."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from quantum.cli.exits import Exit
from quantum.cli.output import COLOURS, Format, Output, field, show
from quantum.cli.session import Session, of, run, spinner
from quantum.cli.terminal import paint

if TYPE_CHECKING:  # loaded when it is needed
    from quantum.client import Client
    from quantum.contract.health import Health

CHECKS = {
    "WHAT": field("check"),
    "STANDS": field("stands"),
    "WHY": field("reason"),
    "REMEDY": field("remedy"),
}
DAYS = {
    "DAY": field("date"),
    "STARTED": field("executions_started"),
    "COMPLETED": field("executions_completed"),
    "FAILED": field("executions_failed"),
    "CANCELLED": field("executions_cancelled"),
    "STEPS": lambda day: day["steps_completed"] + day["steps_failed"] + day["steps_skipped"],
}
PATIENCE = 3.0
"""Seconds for which the platform is asked for its release."""


def version(session: Session) -> None:
    """Print the release of this command, and of the platform that is meant."""
    from quantum.contract.release import RELEASE

    print(f"quantum  {RELEASE}")
    try:
        with spinner("asking the platform"):
            found = _ask(session)
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None
    print(f"platform {found}")


def health(context: typer.Context, output: Output = Format.TABLE) -> None:
    """Whether the platform can work, with each thing that it needs. Status 1: it cannot."""
    from quantum.client import Client as Stranger

    async def ask(_: "Client") -> "Health":
        async with Stranger(of(context).profile.url, retries=_once()) as stranger:  # it tells everybody
            return await stranger.health()

    found = run(context, ask).model_dump(mode="json")
    if output in {Format.JSON, Format.YAML}:
        show(found, output, CHECKS)
        return
    why = {one["check"]: one for one in found["impairments"]}
    rows = [{**why.get(name, {}), "check": name, "stands": how} for name, how in found["checks"].items()]
    show(rows, output, CHECKS)
    if output is Format.TABLE:
        print(f"\n{of(context).profile.url} is {paint(found['status'], COLOURS.get(found['status']))}")
    if found["status"] == "unavailable":
        raise typer.Exit(Exit.FAILED)


def stats(
    context: typer.Context,
    *,
    since: Annotated[str | None, typer.Option(help="The first day, as 2024-01-01.")] = None,
    until: Annotated[str | None, typer.Option(help="The last day; today if left out.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """How many executions began and ended on each day; of the last 30 if nothing is said."""

    async def read(client: "Client") -> dict[str, Any]:
        return (await client.stats(since=since, until=until)).model_dump(mode="json")

    found = run(context, read)
    table = output in {Format.TABLE, Format.IDS}
    show(found["days"] if table else found, output, DAYS)


def _ask(session: Session) -> str:
    import asyncio

    from quantum.client import Client as Stranger
    from quantum.client import QuantumError

    async def ask() -> "Health":
        async with Stranger(session.profile.url, retries=_once(), timeout=PATIENCE) as stranger:
            return await stranger.alive()

    try:
        found = asyncio.run(ask())
    except (QuantumError, ValueError) as error:
        return f"unknown: {error}"
    return f"{found.release or 'unknown: it is older than this command'} at {session.profile.url}"


def _once() -> Any:
    from quantum.client.retries import NO_RETRIES

    return NO_RETRIES
