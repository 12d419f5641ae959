"""What people see while they wait: that something goes on, and how far it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

from quantum.cli import terminal


@contextmanager
def waiting(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """It goes away by itself. What is yielded takes how much is done."""
    console = Console(stderr=True)
    frames = "line" if console.options.ascii_only else "dots"
    columns: list[ProgressColumn] = [
        SpinnerColumn(frames, style="cyan"),
        TextColumn("[dim]{task.description}"),
    ]
    if total is not None:
        columns += [BarColumn(24), TextColumn("{task.completed:.0f} of {task.total:.0f}")]
    columns.append(TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, redirect_stdout=terminal.people(), redirect_stderr=True
    ) as shown:
        task = shown.add_task(what, total=total)

        def done(count: int) -> None:
            if total is None and count:
                shown.update(task, completed=count, description=f"{what}: {count}")
            else:
                shown.update(task, completed=count)

        yield done
