"""Watching an execution: live on a terminal, line by line elsewhere. Ctrl-C detaches, and stops nothing."""

import asyncio
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import typer

from quantum.cli import terminal
from quantum.cli.exits import Exit
from quantum.cli.progress import Progress, children_of, note, took
from quantum.cli.session import of, patient, refuse, spinner

if TYPE_CHECKING:  # loaded when it is needed
    from quantum.client import Client

FRAMES = 8
"""How often a second the view is drawn, so that times go on."""
LOOKS = (0.15, 1.0, 3.0)
"""Seconds after something has happened at which it is asked what is waited for, which no event tells."""
AT_ONCE, REFILL = 12.0, 5.0
"""How often that is asked at once at most, and seconds after which once more: a day of watching, with all
that an execution has started, has to fit into a user's requests."""
FOLLOWED = 8
"""Most executions that are followed at a time."""


def watch(context: typer.Context, execution: str, *, after: str | None = None) -> dict[str, Any]:
    """Follow it to its end; how it stands then. A bad end is the exit status 1.

    ``after`` is the cursor behind which lines are printed; a live view always shows all.
    """
    from quantum.client.errors import QuantumError, UnreachableError

    again = f"quantum executions watch {execution}"

    async def follow() -> dict[str, Any]:
        async with of(context).client() as client:
            await (_live(client, execution) if terminal.moves() else _lines(client, execution, after))
            return (await client.executions.get(execution)).model_dump(mode="json")

    try:
        with patient():
            ended = asyncio.run(follow())
    except QuantumError as error:
        if isinstance(error, UnreachableError):
            print(f"What has begun goes on. To come back: {again}", file=sys.stderr)
        refuse(error)
    except KeyboardInterrupt:
        print(f"\nDetached; {execution} goes on. To come back: {again}", file=sys.stderr)
        raise typer.Exit(Exit.INTERRUPTED) from None
    conclude(ended)
    return ended


def conclude(ended: Mapping[str, Any]) -> None:
    """Say how it ended, the cause first, and what can be done."""
    name, status = ended["execution_id"], ended["status"]
    if status == "completed":
        terminal.say(f"✓ {name} completed{_duration(ended)}", "green")
        if ended.get("outputs"):
            print("\n".join(f"  {key}: {value}" for key, value in ended["outputs"].items()))
        for step in ended["steps"]:
            if address := (step["outputs"] or {}).get("address"):
                print(f"  {step['id']} answers at {address}")
        return
    error = ended["error"] or {}
    place = f" in step {error['step']}" if error.get("step") else ""
    why = error.get("message", "no reason was recorded")
    terminal.say(f"✗ {name} {status}{place}{_duration(ended)}: {why}", "red")
    if child := (error.get("child") or {}).get("execution_id"):
        print(f"  what went wrong there: quantum executions get {child}")
    if status == "failed":
        print(f"  when the cause is gone: quantum executions retry {name} --watch")
    raise typer.Exit(Exit.FAILED)


def line(event: Mapping[str, Any]) -> str:
    """An event in one line."""
    percent = (event.get("progress") or {}).get("percent")
    share = "" if percent is None else f"{percent:3d} %"
    place = (event.get("step") or "") + ("" if event.get("item") is None else f"[{event['item']}]")
    told = note(event)
    if event["type"] == "approval_requested":
        told += f" | quantum executions approve {event['execution_id']} {place}"
    what = [event["time"][11:19], f"{share:5}", f"{event['type']:18}", place, " ".join(told.split())]
    return "  ".join(what).rstrip()


async def _lines(client: "Client", execution: str, after: str | None) -> None:
    async for event in client.stream(events_of(execution), after=after):
        print(line(event), flush=True)


async def _live(client: "Client", execution: str) -> None:
    with spinner("asking the platform"):
        progress = Progress.of(await _state(client, execution))
        from rich.live import Live  # only for people, and meanwhile

        from quantum.cli.drawing import View

    with Live(
        get_renderable=lambda: View(progress, datetime.now(UTC)),
        refresh_per_second=FRAMES,
        vertical_overflow="crop",
    ):
        async with Followed(client) as followed:
            await followed.follow(progress)


class Followed:
    """Keeps the progress of an execution up to date, and that of those which it has started.

    Use it as a context; what is followed beside the first is let go at its end.
    """

    def __init__(self, client: "Client") -> None:
        self._client = client
        self._tasks: set[asyncio.Task[None]] = set()
        self._following: set[str] = set()
        self._left, self._filled = AT_ONCE, asyncio.get_running_loop().time()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def follow(self, progress: Progress) -> None:
        """To its end."""
        self._following.add(progress.execution_id)
        changed = asyncio.Event()
        looking = self._begin(self._look(progress, changed))
        try:
            async for event in self._client.stream(events_of(progress.execution_id)):
                progress.apply(event)
                changed.set()
        finally:
            looking.cancel()
            self._following.discard(progress.execution_id)

    def _begin(self, work: Any) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _look(self, progress: Progress, changed: asyncio.Event) -> None:
        """Find out what is waited for, when something has happened and while nothing more does."""
        from quantum.client.errors import QuantumError  # when it is needed

        while True:
            await changed.wait()
            for pause in LOOKS:
                changed.clear()
                await asyncio.sleep(pause)
                await self._may_ask()
                with suppress(QuantumError):  # the stream will tell
                    state = await _state(self._client, progress.execution_id)
                    progress.look(state)
                    await self._take_on(progress, state)
                if changed.is_set():
                    break

    async def _take_on(self, progress: Progress, state: Mapping[str, Any]) -> None:
        """Follow what its steps have started, too."""
        for (step, item), child in children_of(state).items():
            known = progress.steps[step].children
            if item not in known and len(self._following) < FOLLOWED:
                self._following.add(child)
                known[item] = Progress.of(await _state(self._client, child))
                self._begin(self._follow_child(known[item]))

    async def _follow_child(self, progress: Progress) -> None:
        from quantum.client.errors import QuantumError  # as above

        with suppress(QuantumError):  # perhaps it may not be seen; the view shows how it stood
            await self.follow(progress)

    async def _may_ask(self) -> None:
        """Wait until another question is within what is fair."""
        now = asyncio.get_running_loop().time()
        self._left = min(AT_ONCE, self._left + (now - self._filled) / REFILL) - 1
        self._filled = now
        if self._left < 0:
            await asyncio.sleep(-self._left * REFILL)


async def _state(client: "Client", execution: str) -> dict[str, Any]:
    return (await client.executions.get(execution)).model_dump(mode="json", by_alias=True)


def _duration(ended: Mapping[str, Any]) -> str:
    with suppress(KeyError, TypeError):
        began, end = (datetime.fromisoformat(ended[name]) for name in ("created_at", "finished_at"))
        return f" after {took((end - began).total_seconds())}"
    return ""


def events_of(execution: str) -> str:
    from quantum.client.addresses import path

    return path("executions", execution, "events")
