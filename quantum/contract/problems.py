"""Errors on the wire: problem details after RFC 9457."""

from typing import Literal

from pydantic import BaseModel, Field


class FieldError(BaseModel):
    """One thing wrong with the request: where, what, and how to mend it."""

    pointer: str = Field(
        description="JSON Pointer (RFC 6901) into the body; `/query/<name>` for a query parameter.",
        examples=["/definition/steps/1/timeout"],
    )
    code: str = Field(description="Stable name of the rule that was broken.", examples=["TYPE"])
    message: str = Field(description="What is wrong and what to do.")
    line: int | None = Field(
        default=None, description="Of a policy's text: the line of the place, from 1.", examples=[2]
    )
    column: int | None = Field(
        default=None, description="In that line, from 1, in Unicode characters.", examples=[17]
    )
    offset: int | None = Field(
        default=None, description="The same from the text's beginning, from 0.", examples=[82]
    )
    length: int | None = Field(
        default=None, description="So many characters are meant; 0: what is missing.", examples=[5]
    )
    stage: Literal["schema", "business", "security"] | None = Field(
        default=None, description="Of an intent: the stage of validation that found it."
    )


class Problem(BaseModel):
    """Why a request was not served. Every error found is listed, not only the first."""

    type: str = Field(description="Where this kind of problem is described.")
    title: str = Field(description="What this kind of problem is, the same each time.")
    status: int = Field(description="The HTTP status.", examples=[400])
    detail: str = Field(description="What is wrong this time.")
    instance: str = Field(description="The path that was asked for.")
    code: str = Field(description="Stable name of the problem.", examples=["BAD_REQUEST"])
    request_id: str = Field(description="Quote it when you ask for help; the platform's log has it.")
    timestamp: str = Field(description="When, as RFC 3339 in UTC.", examples=["2024-01-04T10:00:00.000000Z"])
    errors: list[FieldError] = Field(default=[], description="Each thing wrong with the input.")
    violated_policies: list[str] = Field(
        default=[],
        description="With RATE_LIMITED and QUOTA_EXCEEDED: the limits that are reached.",
        examples=[["burst"], ["intents/deploy/concurrency"]],
    )
    policies: list[str] = Field(default=[], description="With FORBIDDEN: the policies that decided.")
