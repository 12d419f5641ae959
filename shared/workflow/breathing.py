"""Holding one's breath: a busy orchestration begins nothing for a moment, to forget its history.

A chain is quiet between its steps, and like lanes have orchestrations of their own (``cutting.py``). A large
graph of neither kind always has something in the air, and each turn would replay all that came before. So
now and then what is ready waits until what runs has landed, but not for long: whoever runs for minutes
makes few turns, whose replay costs little.
"""

from typing import Final

from shared.workflow.generations import Generation

PATIENCE: Final = 10.0
"""Seconds for which something may wait that would not have to."""


def holds_breath(run: Generation) -> bool:
    """Whether to begin nothing now."""
    if not _would_help(run):
        return False
    if run.breath is None:
        run.breath = run.context.timer(PATIENCE)
        run.context.watch(run.breath)
    if run.breath.is_complete:  # in vain: again when as much has landed once more
        run.breath = None
        run.breathe_at = run.landed + run.work.breathe_after
        return False
    return True


def _would_help(run: Generation) -> bool:
    """Whether there is much to forget, and all that keeps it from being forgotten are attempts."""
    return (
        run.work.breathe_after > 0
        and run.landed >= run.breathe_at
        and not run.stopping
        and bool(run.flights)
        and not any(flight.instance for flight in run.flights.values())
    )
