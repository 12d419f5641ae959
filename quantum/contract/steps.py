"""One step of an execution on the wire, in detail."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from quantum.contract.executions import StepStatus, Waiting

type AttemptStatus = Literal["running", "waiting", "completed", "skipped", "failed", "cancelled"]


class Attempt(BaseModel):
    """One attempt at a step."""

    number: int = Field(description="Counted from 1.")
    status: AttemptStatus
    started_at: str | None
    finished_at: str | None
    error: dict[str, Any] | None = Field(description="Why it failed: `code`, `message` and more.")
    next_at: str | None = Field(description="When the next attempt was to begin behind it; null: none was.")


class StepLinks(BaseModel):
    """The execution, and what the step came to, whole."""

    execution: str
    outputs: str


class StepDetail(BaseModel):
    """A step, or one of its items, with every attempt."""

    execution_id: str = Field(examples=["01HKAJ5W1QZ5M5V7YB4W6N8T2C"])
    step: str = Field(examples=["build"])
    item: int | None
    action: str
    status: StepStatus
    inputs: dict[str, Any] | None = Field(
        description="What its action was last given, with `***NAME***` in place of a secret; null: it has "
        "not begun, it runs for each item of a list, or that is more than 64 KiB."
    )
    attempts: list[Attempt]
    undoing: list[Attempt] = Field(description="The attempts to undo it.")
    waiting: list[Waiting]
    outputs: dict[str, Any] | None = Field(description="As in the execution; whole ones are behind the link.")
    error: dict[str, Any] | None
    kept_from: str | None = Field(
        description="Of a retry: the execution in which the step ran, which has its attempts."
    )
    links: StepLinks


class StepQuery(BaseModel):
    """Of which item."""

    model_config = ConfigDict(extra="forbid")

    item: Annotated[
        int | None,
        Field(ge=0, le=9999, description="Of a step with `foreach`: the item at this place."),
    ] = None
