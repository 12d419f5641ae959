"""Watching an execution: live on a terminal, line by line elsewhere. Ctrl-C detaches, and stops nothing."""

import asyncio
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from quantum.cli.exits import Exit
from quantum.cli.progress import Progress, StepProgress, note, took
from quantum.cli.session import of, refuse

if TYPE_CHECKING:  # loaded when it is needed
    from rich.console import RenderableType

    from quantum.client import Client

SIGNS = {
    "pending": ("·", "dim"),
    "running": ("▶", "cyan"),
    "retrying": ("↻", "yellow"),
    "waiting": ("…", "yellow"),
    "paused": ("‖", "yellow"),
    "completed": ("✓", "green"),
    "skipped": ("-", "dim"),
    "failed": ("✗", "red"),
    "cancelled": ("✗", "magenta"),
    "compensated": ("↩", "magenta"),
}
FRAMES = 8
"""How often a second the view is drawn, so that times go on."""
FIRST_LOOK, NEXT_LOOK = 1.0, 10.0
"""Seconds until it is asked what is waited for; a day of watching has to fit into a user's requests."""
ROWS = 30
"""Steps that are shown at once; of more, those that go on and the last that did."""


def watch(context: typer.Context, execution: str, *, after: str | None = None) -> dict[str, Any]:
    """Follow it to its end; how it stands then. A bad end is the exit status 1.

    ``after`` is the cursor behind which lines are printed; a live view always shows all.
    """
    from quantum.client.errors import QuantumError

    live = sys.stdout.isatty()

    async def follow() -> dict[str, Any]:
        async with of(context).client() as client:
            await (_live(client, execution) if live else _lines(client, execution, after))
            return (await client.executions.get(execution)).model_dump(mode="json")

    try:
        ended = asyncio.run(follow())
    except QuantumError as error:
        refuse(error)
    except KeyboardInterrupt:
        print(
            f"\nDetached; {execution} goes on. To come back: quantum executions watch {execution}",
            file=sys.stderr,
        )
        raise typer.Exit(Exit.INTERRUPTED) from None
    conclude(ended)
    return ended


def conclude(ended: Mapping[str, Any]) -> None:
    """Say how it ended, the cause first, and what can be done."""
    name, status = ended["execution_id"], ended["status"]
    if status == "completed":
        typer.secho(f"✓ {name} completed{_duration(ended)}", fg="green")
        if ended.get("outputs"):
            print("\n".join(f"  {key}: {value}" for key, value in ended["outputs"].items()))
        return
    error = ended["error"] or {}
    place = f" in step {error['step']}" if error.get("step") else ""
    why = error.get("message", "no reason was recorded")
    typer.secho(f"✗ {name} {status}{place}{_duration(ended)}: {why}", fg="red")
    if status == "failed":
        print(f"  when the cause is gone: quantum executions retry {name} --watch")
    raise typer.Exit(Exit.FAILED)


def line(event: Mapping[str, Any]) -> str:
    """An event in one line."""
    percent = (event.get("progress") or {}).get("percent")
    share = "" if percent is None else f"{percent:3d} %"
    what = [event["time"][11:19], f"{share:5}", event["type"], event.get("step") or "", note(event)]
    return "  ".join(what).rstrip()


async def _lines(client: "Client", execution: str, after: str | None) -> None:
    async for event in client.stream(events_of(execution), after=after):
        print(line(event), flush=True)


async def _live(client: "Client", execution: str) -> None:
    from rich.live import Live  # only for people

    progress, changed = Progress.of(await _state(client, execution)), asyncio.Event()
    with Live(
        get_renderable=lambda: draw(progress, datetime.now(UTC)),
        refresh_per_second=FRAMES,
        vertical_overflow="crop",
    ):
        looking = asyncio.create_task(_look(client, progress, changed))
        try:
            async for event in client.stream(events_of(execution)):
                progress.apply(event)
                changed.set()
        finally:
            looking.cancel()


async def _look(client: "Client", progress: Progress, changed: asyncio.Event) -> None:
    """Find out what is waited for, when something has happened and then nothing more for a while."""
    from quantum.client.errors import QuantumError  # when it is needed

    pause = FIRST_LOOK
    while True:
        await changed.wait()
        await asyncio.sleep(pause)
        changed.clear()
        pause = NEXT_LOOK
        with suppress(QuantumError):  # the stream will tell
            progress.look(await _state(client, progress.execution_id))


async def _state(client: "Client", execution: str) -> dict[str, Any]:
    return (await client.executions.get(execution)).model_dump(mode="json", by_alias=True)


def draw(progress: Progress, now: datetime) -> "RenderableType":
    """The view at a time."""
    from rich.console import Group  # as above
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    sign, colour = SIGNS[progress.status]
    head = Table.grid(padding=(0, 2))
    elapsed = took(((progress.ended or now) - progress.began).total_seconds())
    bar = ProgressBar(completed=progress.percent, width=24, complete_style="cyan")
    head.add_row(
        Text(f"{sign} {progress.intent_id}", f"bold {colour}"),
        bar,
        f"{progress.percent} %",
        Text(elapsed, "dim"),
    )
    steps = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for step in _shown(progress):
        sign, colour = SIGNS[step.status]
        steps.add_row(
            Text(f"  {sign} {step.id}", colour, no_wrap=True),
            Text(step.action, "dim"),
            Text(step.status, colour),
            Text(_times(step, now), "dim"),
            Text(_told(step), "dim", overflow="ellipsis", no_wrap=True),
        )
    told = [Text(f"  {progress.note}", "yellow")] if progress.note and progress.ended is None else []
    hidden = len(progress.steps) - len(_shown(progress))
    foot = [Text(f"  and {hidden} more steps", "dim")] if hidden else []
    return Group(head, *told, steps, *foot)


def _shown(progress: Progress) -> list[StepProgress]:
    steps = list(progress.steps.values())
    if len(steps) <= ROWS:
        return steps
    begun = [step for step in steps if step.began is not None]
    going = [step for step in begun if step.ended is None]
    chosen = {step.id for step in [*going, *reversed(begun), *steps][:ROWS]}
    return [step for step in steps if step.id in chosen][:ROWS]


def _times(step: StepProgress, now: datetime) -> str:
    so_far = took(step.seconds(now))
    return (
        f"{so_far} of about {took(step.expected)}"
        if so_far and step.ended is None and step.expected
        else so_far
    )


def _told(step: StepProgress) -> str:
    attempt = f"attempt {step.attempt}" if step.attempt > 1 else ""
    return ": ".join(part for part in (attempt, step.note) if part)


def _duration(ended: Mapping[str, Any]) -> str:
    with suppress(KeyError, TypeError):
        began, end = (datetime.fromisoformat(ended[name]) for name in ("created_at", "finished_at"))
        return f" after {took((end - began).total_seconds())}"
    return ""


def events_of(execution: str) -> str:
    from quantum.client.addresses import path

    return path("executions", execution, "events")
