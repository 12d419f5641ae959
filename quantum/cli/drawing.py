"""The live view of an execution: what is drawn at a time, in as much room as the terminal has."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from quantum.cli.progress import GOING_ON, Progress, StepProgress, took

if TYPE_CHECKING:  # only for who watches on a terminal
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.text import Text

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
NARROW, WIDE = 90, 100
"""Columns below which the actions, and the id of the execution, are left out."""
NAMES = 0.4
"""The share of the width that names of steps may take."""
FAILED_ITEMS, CHILDREN, CHILD_STEPS = 3, 4, 6
"""How many are shown below a step, and below an execution that it waits for."""


@dataclass(slots=True)
class Block:
    """Lines that belong together: a step with what is below it. Those of lower ``rank`` matter more."""

    rank: tuple[int, int]
    lines: list["Text"] = field(default_factory=list)


@dataclass(slots=True)
class View:
    """What rich draws, each time anew."""

    progress: Progress
    now: datetime

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        width, rows = options.max_width, max((options.height or console.height) - 1, 4)
        head = [*_head(self.progress, self.now, width)]
        blocks = [
            Block(_rank(step, number, self.now), [*_step(step, self.now, width)])
            for number, step in enumerate(self.progress.steps.values())
        ]
        shown = _fitting(blocks, rows - len(head))
        yield from head
        for block in shown:
            yield from block.lines
        if hidden := len(blocks) - len(shown):
            yield _line(f"  and {hidden} more steps", "dim")


def _head(progress: Progress, now: datetime, width: int) -> Iterator["Text"]:
    sign, colour = SIGNS[progress.status]
    elapsed = took(((progress.ended or now) - progress.began).total_seconds())
    line = _line(f"{sign} {progress.intent_id}", f"bold {colour}")
    if width >= WIDE:
        line.append(f"  {progress.execution_id}", "dim")
    if width >= NARROW:
        done = round(24 * progress.percent / 100)
        line.append("  " + "━" * done, "cyan").append("━" * (24 - done), "dim")
    line.append(f"  {progress.percent} %").append(f"  {elapsed}", "dim")
    if progress.ended is None and progress.expected is not None:
        left = (progress.expected - now).total_seconds()
        line.append(f", about {took(left)} left" if left >= 1 else ", longer than expected", "dim")
    yield line
    if progress.note and progress.ended is None:
        yield from _told(progress.note, "yellow", width, indent=2)


def _step(step: StepProgress, now: datetime, width: int, *, indent: int = 2) -> Iterator["Text"]:
    sign, colour = SIGNS[step.status]
    room = max(int(width * NAMES) - indent, 12)
    line = _line(" " * indent)
    line.append(_fixed(f"{sign} {step.id}", room if width < NARROW else 26), colour)
    if width >= NARROW:
        line.append(" " + _fixed(step.action, 22), "dim")
    line.append(" " + _fixed(step.status, 11), colour)
    line.append(" " + _times(step, now), "dim")
    if counted := step.counted():
        line.append(f"  {counted}", "red" if "failed" in counted else "")
    yield line
    for text, style in _below(step):
        yield from _told(text, style, width, indent=indent + 2)
    if step.status in GOING_ON:
        yield from _children(step, now, width, indent=indent + 2)


def _below(step: StepProgress) -> Iterator[tuple[str, str]]:
    """What is to be said of a step, and in which style."""
    attempt = f"attempt {step.attempt}" if step.attempt > 1 else ""
    note = "" if step.children and step.status in GOING_ON else step.note
    if told := ": ".join(part for part in (attempt, note) if part):
        yield told, "red" if step.status == "failed" else "yellow" if step.command else "dim"
    if step.command:
        yield f"→ {step.command}", "bold"
    failed = [(place, item) for place, item in sorted(step.items.items()) if item.status == "failed"]
    for place, item in failed[:FAILED_ITEMS]:
        yield f"✗ item {place}: {item.note}", "red"


def _children(step: StepProgress, now: datetime, width: int, *, indent: int) -> Iterator["Text"]:
    """The executions that a step waits for, with their steps: those that go on before the others."""
    going = [pair for pair in step.children.items() if pair[1].ended is None]
    for place, child in going[:CHILDREN]:
        sign, colour = SIGNS[child.status]
        item = "" if place is None else f"item {place}: "
        line = _line(" " * indent + f"{sign} {item}{child.intent_id}", colour)
        yield line.append(f"  {child.percent} %  {child.execution_id}", "dim")
        ranked = sorted(enumerate(child.steps.values()), key=lambda pair: _rank(pair[1], pair[0], now))
        chosen = sorted(ranked[:CHILD_STEPS], key=lambda pair: pair[0])
        for _, one in chosen:
            yield from _step(one, now, width, indent=indent + 2)
        if more := len(child.steps) - len(chosen):
            yield _line(" " * (indent + 2) + f"and {more} more steps", "dim")


def _rank(step: StepProgress, number: int, now: datetime) -> tuple[int, int]:
    """What goes on comes first, then what failed, then what ended last, then what is next."""
    if step.status in GOING_ON:
        return 0, number
    if step.status == "failed":
        return 1, number
    if step.ended is not None:
        return 2, int((now - step.ended).total_seconds() * 1000)
    return 3, number


def _fitting(blocks: Sequence[Block], rows: int) -> list[Block]:
    """As many as there is room for, the ones that matter, in their order."""
    if sum(len(block.lines) for block in blocks) <= rows:
        return list(blocks)
    chosen, left = set[int](), rows - 1  # the last line says how many more there are
    for block in sorted(blocks, key=lambda one: one.rank):
        if len(block.lines) <= left:
            chosen.add(id(block))
            left -= len(block.lines)
    return [block for block in blocks if id(block) in chosen]


def _times(step: StepProgress, now: datetime) -> str:
    so_far = took(step.seconds(now))
    going = so_far and step.ended is None
    return f"{so_far} of about {took(step.expected)}" if going and step.expected else so_far


def _fixed(text: str, width: int) -> str:
    return (text if len(text) <= width else f"{text[: width - 1]}…").ljust(width)


def _line(text: str, style: str = "") -> "Text":
    """One line, of which no more is shown than there is room for."""
    from rich.text import Text  # only for people

    return Text(text, style, no_wrap=True, overflow="ellipsis")


def _told(text: str, style: str, width: int, *, indent: int) -> Iterator["Text"]:
    """What is worth as many lines as it takes."""
    for part in textwrap.wrap(text, max(width - indent, 20), break_on_hyphens=False):
        yield _line(" " * indent + part, style)
