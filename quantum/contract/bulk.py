"""Doing the same to many executions, on the wire."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from quantum.contract.executions import ExecutionStatus, FromSteps, Reason
from quantum.contract.pages import Cursor, Page
from quantum.contract.times import Moment


class BulkFilter(BaseModel):
    """Which executions, as in their list; all conditions must hold."""

    model_config = ConfigDict(extra="forbid", strict=True)

    intent: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="A name: every version's; an id: that version's.", examples=["deploy"]
    )
    status: ExecutionStatus | None = Field(
        default=None,
        description="Only those of this status; without it those that have not ended, or to `retry` those "
        "that failed.",
    )
    parent: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Only those that the steps of this execution have asked for."
    )
    dry_run: bool | None = Field(default=None, description="Only dry runs, or only the others.")
    since: Moment | None = Field(default=None, description="Created at or after.")
    until: Moment | None = Field(default=None, description="Created before.")


class BulkOperation(BaseModel):
    """What to do to which executions, a page at a time, the newest first."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        validate_by_name=True,
        json_schema_extra={
            "examples": [{"operation": "pause", "filter": {"intent": "deploy"}, "reason": "maintenance"}]
        },
    )

    operation: Literal["cancel", "pause", "resume", "terminate", "retry"] = Field(
        description="`retry` keeps what went well, and repeats no irreversible action."
    )
    filter: BulkFilter = Field(
        default=BulkFilter(), description="Needs a condition, unless `all` says that none is meant."
    )
    all: bool = Field(default=False, description="Whether all executions are meant when nothing is filtered.")
    from_: FromSteps = Field(
        default=None,
        alias="from",
        description="To `retry`: steps to run again although they ended well, as for one; what has no such "
        "step says so, and is not retried.",
        examples=["build"],
    )
    reason: Reason | None = None
    limit: Annotated[int, Field(ge=1, le=200, description="Most executions to do it to.")] = 50
    cursor: Cursor = None


class BulkError(BaseModel):
    """Why it could not be done to one, as the problem would say if it had been asked for alone."""

    code: str = Field(examples=["CONFLICT"])
    message: str


class BulkItem(BaseModel):
    """What came of it for one execution: either what it is now, or an error."""

    execution_id: str = Field(examples=["01HKAJ5W1QZ5M5V7YB4W6N8T2C"])
    status: ExecutionStatus | None = None
    retried_by: str | None = Field(default=None, description="Its retry, whose status is then told.")
    error: BulkError | None = None


class BulkPage(Page[BulkItem]):
    """What came of it, for each of a page of executions."""
