"""Events of an execution on the wire."""

from typing import Any

from pydantic import BaseModel, Field

from quantum.contract.approvals import Approval
from quantum.contract.executions import Progress
from quantum.contract.pages import Page


class Event(BaseModel):
    """Something that happened in an execution; fields that its type does not have are absent."""

    cursor: str = Field(description="Resumes the stream behind this event; the `id:` of a stream's event.")
    type: str = Field(examples=["step_completed"])
    execution_id: str = Field(examples=["01HKAJ5W1QZ5M5V7YB4W6N8T2C"])
    time: str = Field(description="RFC 3339, UTC.", examples=["2024-01-04T10:00:00.000000Z"])
    step: str | None = Field(default=None, description="The step it is about.", examples=["build"])
    item: int | None = Field(
        default=None, description="Of a step with `foreach`: the item it is about, by its place in the list."
    )
    items: int | None = Field(
        default=None, description="With step_started, of a step with `foreach`: how many items it has."
    )
    attempt: int | None = Field(default=None, description="Counts from 1.")
    result: Any = Field(default=None, description="With step_completed: the step's outputs, or a reference.")
    approval: Approval | None = Field(
        default=None, description="With approval_requested and approval_decided: how it stands after it."
    )
    by: str | None = Field(default=None, description="Who paused or resumed it.")
    reason: str | None = Field(default=None, description="Why, if that was said.")
    error: dict[str, Any] | None = Field(default=None, description="What went wrong.")
    progress: Progress | None = Field(default=None, description="How the execution stands after it.")


class EventPage(Page[Event]):
    """A page of events, oldest first."""
