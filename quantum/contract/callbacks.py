"""Callbacks on the wire: what something outside says that a step waits for."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_STRICT = ConfigDict(extra="forbid", strict=True)


class CallbackError(BaseModel):
    """Why it failed."""

    model_config = _STRICT

    code: str = Field(
        min_length=1,
        max_length=100,
        description="A stable code; `retry.non_retryable` of the step may name it.",
        examples=["SCAN_FOUND_SOMETHING"],
    )
    message: str = Field(max_length=2000, description="For who watches the execution.")


class CallBack(BaseModel):
    """What the step that waits has come to. Sent again, it changes nothing."""

    model_config = _STRICT

    status: Literal["completed", "failed"]
    outputs: dict[str, Any] = Field(
        default={}, description="Of what has completed: the outputs.", examples=[{"image": "shop:7"}]
    )
    error: CallbackError | None = Field(
        default=None, description="Of what has failed, and of that only: why. It is needed then."
    )


class CallbackReceived(BaseModel):
    """It was taken: the step goes on."""

    status: Literal["completed", "failed"]
