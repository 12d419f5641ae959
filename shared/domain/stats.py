"""What a tenant's days are counted by."""

from collections.abc import Mapping
from dataclasses import dataclass

COUNTED: Mapping[str, str] = {
    "execution_started": "executions_started",
    "execution_completed": "executions_completed",
    "execution_failed": "executions_failed",
    "execution_cancelled": "executions_cancelled",
    "step_completed": "steps_completed",
    "step_failed": "steps_failed",
    "step_skipped": "steps_skipped",
}
"""The types of events that are counted, and the counter of each."""


@dataclass(frozen=True, slots=True)
class DayStats:
    """One day (UTC, ``2026-01-31``) of a tenant."""

    date: str
    counts: Mapping[str, int]
