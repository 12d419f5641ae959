"""Counts of a tenant's days on the wire."""

from datetime import date
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_DAYS = 366

type Day = Annotated[date, Field(ge=date(2000, 1, 1))]


class StatsQuery(BaseModel):
    """Which days (in UTC) to look at: the last 30 if nothing is said."""

    model_config = ConfigDict(extra="forbid")

    since: Annotated[Day | None, Field(description="The first day.", examples=["2024-01-01"])] = None
    until: Annotated[Day | None, Field(description="The last day; today if it is left out.")] = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since and self.until and not 0 <= (self.until - self.since).days < MAX_DAYS:
            raise ValueError(f"'until' is not before 'since' and at most {MAX_DAYS} days are given")
        return self


class DayStats(BaseModel):
    """What began and ended on a day."""

    date: str = Field(examples=["2024-01-04"])
    executions_started: int
    executions_completed: int
    executions_failed: int
    executions_cancelled: int
    steps_completed: int
    steps_failed: int
    steps_skipped: int


class Stats(BaseModel):
    """The days on which anything happened, in order. They follow events by seconds."""

    days: list[DayStats]
