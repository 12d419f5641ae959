"""Schedules on the wire: intents that are executed by themselves."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from quantum.contract.numbers import integral
from quantum.contract.pages import Page
from quantum.contract.times import Moment

type Overlap = Literal["skip", "queue", "allow"]
type SkipReason = Literal["missed", "overlap", "queue_full"]
type ScheduleStatus = Literal["active", "paused", "ended", "blocked", "failing"]

_INTENT = "What is executed: a name is its active version at that time, an id (`deploy-v2`) exactly that one."
_CRON = (
    "Minute, hour, day of month, month and day of week, or a nickname such as `@daily`. Where hours are"
    " named, a time that a change of clocks leaves out fires at its end, and one that comes twice fires once."
)
_ZONE = "The IANA time zone that `cron` is read in."
_OVERLAP = (
    "When its last execution goes on as the next is due: `skip` that time, `queue` it until then, or `allow`"
    " both at once."
)
_CATCH_UP = "How many of the times that were missed (by more than a minute) are made up, the latest ones."
_SCHEDULED = "The time that was due. RFC 3339, UTC."

# Only told: what breaks these is answered with all that is wrong with a schedule.
_EXPRESSION: dict[str, JsonValue] = {"pattern": r"^(@[a-z]+|[^ ]+( [^ ]+){4})$"}
_REFERENCE: dict[str, JsonValue] = {"pattern": "^[a-z0-9][a-z0-9-]{0,72}$"}
_NAMED: dict[str, JsonValue] = {"pattern": "^[A-Z][A-Za-z0-9_+/-]*$"}
_BOUNDED: dict[str, JsonValue] = {"minimum": 0, "maximum": 100}


class PutSchedule(BaseModel):
    """A schedule as it shall be; it executes in the name of who puts it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    intent: str = Field(description=_INTENT, examples=["deploy-application"], json_schema_extra=_REFERENCE)
    cron: str = Field(description=_CRON, examples=["30 2 * * 1-5"], json_schema_extra=_EXPRESSION)
    timezone: str = Field(
        default="UTC", description=_ZONE, examples=["Europe/Berlin"], json_schema_extra=_NAMED
    )
    parameters: dict[str, Any] = Field(default={}, description="What each execution gets.")
    overlap: Overlap = Field(default="skip", description=_OVERLAP)
    catch_up: Annotated[int, BeforeValidator(integral)] = Field(
        default=1, description=_CATCH_UP, json_schema_extra=_BOUNDED
    )
    paused: bool = Field(default=False, description="Whether it rests; no time of the meantime is made up.")
    start: Moment | None = Field(default=None, description="It fires at no time before. RFC 3339.")
    end: Moment | None = Field(default=None, description="It fires at no time after. RFC 3339.")
    description: str = Field(default="", description="What it is for, in words.")


class PreviewSchedule(BaseModel):
    """When would a schedule fire? Nothing is kept."""

    model_config = ConfigDict(extra="forbid", strict=True)

    cron: str = Field(description=_CRON, examples=["30 2 * * 1-5"], json_schema_extra=_EXPRESSION)
    timezone: str = Field(
        default="UTC", description=_ZONE, examples=["Europe/Berlin"], json_schema_extra=_NAMED
    )
    start: Moment | None = Field(default=None, description="It fires at no time before. RFC 3339.")
    end: Moment | None = Field(default=None, description="It fires at no time after. RFC 3339.")


class SchedulePreview(BaseModel):
    """When a schedule would fire."""

    next_fire_times: list[str] = Field(description="The next five times. RFC 3339, UTC.")


class ScheduledExecution(BaseModel):
    """The last execution that a schedule started."""

    scheduled_at: str = Field(description=_SCHEDULED)
    execution_id: str = Field(examples=["01HKAJ5W1QZ5M5V7YB4W6N8T2C"])
    started_at: str


class ScheduledSkip(BaseModel):
    """The last time that a schedule did not execute its intent."""

    scheduled_at: str = Field(description=_SCHEDULED)
    reason: SkipReason = Field(
        description="`missed`: found too late, and not to be made up; `overlap`: the last execution went on;"
        " `queue_full`: a hundred times were waiting."
    )


class ScheduleError(BaseModel):
    """Why the last execution of a schedule could not be started."""

    scheduled_at: str = Field(description=_SCHEDULED)
    time: str
    code: str = Field(examples=["FORBIDDEN"])
    message: str


class Schedule(BaseModel):
    """Which intent is executed when, and how that goes."""

    name: str = Field(examples=["nightly"])
    intent: str = Field(description=_INTENT)
    cron: str = Field(description=_CRON)
    timezone: str = Field(description=_ZONE)
    parameters: dict[str, Any]
    overlap: Overlap = Field(description=_OVERLAP)
    catch_up: int = Field(description=_CATCH_UP)
    paused: bool
    start: str | None
    end: str | None
    description: str
    status: ScheduleStatus = Field(
        description="`blocked`: its intent cannot be executed; `failing`: its last start failed."
    )
    reason: str | None = Field(description="Why it is not `active`, and what to do.")
    next_fire_times: list[str] = Field(description="The next five times. RFC 3339, UTC.")
    waiting: list[str] = Field(description="The times that wait for an execution to end, in order.")
    last_execution: ScheduledExecution | None
    last_skip: ScheduledSkip | None
    last_error: ScheduleError | None
    created_at: str = Field(description="RFC 3339, UTC.", examples=["2024-01-04T10:00:00.000000Z"])
    created_by: str = Field(examples=["ada@tenant-123"])
    updated_at: str
    updated_by: str = Field(
        description="In whose name it executes, with the roles that this member has then."
    )


class SchedulePage(Page[Schedule]):
    """A page of schedules, by name."""
