"""The module ``core``: waiting, asserting and transforming, with no outside world."""

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

from shared.domain.failures import final
from shared.domain.times import parse_rfc3339, rfc3339
from shared.domain.waiting import Waiting
from shared.modules.durations import MAX_WAIT, seconds_of
from shared.ports.actions import Action, ActionContext, ActionError, Completed, Foreseen, Pending

SHORT_WAIT: Final = 0.25
"""A wait of up to so many seconds is slept through: a durable timer would cost as much."""

_STRICT: Final = ConfigDict(strict=True, extra="forbid", frozen=True)


class WaitParameters(BaseModel):
    """How long: ``seconds``, or a ``duration`` such as ``1h30m``; or ``until`` when."""

    model_config = _STRICT

    seconds: Annotated[float, Field(ge=0, le=MAX_WAIT)] | None = Field(
        default=None, description="How long, in seconds."
    )
    duration: str | None = Field(default=None, description="How long.", examples=["1h30m"])
    until: str | None = Field(
        default=None,
        description="A time (RFC 3339), at most 30 days ahead; one that is over is not waited for.",
        examples=["2026-01-04T10:00:00Z"],
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if [self.seconds, self.duration, self.until].count(None) != 2:
            raise ValueError("give either 'seconds', 'duration' or 'until'")
        if self.duration is not None and not 0 <= seconds_of(self.duration) <= MAX_WAIT:
            raise ValueError("'duration' is spelled like 1d2h3m4s and is at most 30d")
        if self.until is not None and _moment(self.until) is None:
            raise ValueError("'until' is a time with its offset from UTC, like 2026-01-04T10:00:00Z")
        return self

    def end(self, now: datetime) -> datetime:
        """When the wait is over."""
        if self.until is not None:
            moment = _moment(self.until)
            assert moment is not None  # as validated
            return max(now, moment)
        seconds = seconds_of(self.duration) if self.duration is not None else self.seconds
        return now + timedelta(seconds=seconds or 0)


def _moment(text: str) -> datetime | None:
    """The time that a text spells; None if it spells none."""
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError):
        return None


class WaitOutputs(BaseModel):
    model_config = _STRICT

    until: str = Field(description="When the wait was over (RFC 3339).")


class Wait(Action):
    """Wait for a while, or until a time."""

    name = "wait"
    module = "core"
    side_effect = "pure"
    Parameters = WaitParameters
    examples = (
        {"id": "settle", "action": "wait", "duration": "1m30s"},
        {"id": "until-night", "action": "wait", "until": "2026-01-04T22:00:00Z"},
    )
    Outputs = WaitOutputs

    async def run(self, parameters: WaitParameters, context: ActionContext) -> Completed | Pending:
        until, length = _wait_of(parameters, context)
        if length > SHORT_WAIT:
            return Pending(length, until.isoformat(), Waiting("timer", until), own_time=True)
        if length:
            await asyncio.sleep(length)
        return Completed({"until": rfc3339(until)})

    async def poll(
        self, token: Any, parameters: WaitParameters, context: ActionContext
    ) -> Completed | Pending:
        del parameters
        until = datetime.fromisoformat(token)
        left = (until - context.clock.now()).total_seconds()
        if left > 0:
            return Pending(left, token, Waiting("timer", until), own_time=True)
        return Completed({"until": rfc3339(until)})

    async def dry_run(self, parameters: WaitParameters, context: ActionContext) -> Foreseen:
        until, length = _wait_of(parameters, context)
        return Foreseen({"wait_seconds": length}, {"until": rfc3339(until)}, unknown=())


def _wait_of(parameters: WaitParameters, context: ActionContext) -> tuple[datetime, float]:
    """Until when it is waited from now on, and how many seconds that is."""
    now = context.clock.now()
    until = parameters.end(now)
    length = (until - now).total_seconds()
    if length > MAX_WAIT:
        raise ActionError("PARAMETERS", "'until' is more than 30 days ahead", retryable=False)
    return until, length


class AssertParameters(BaseModel):
    """What must hold, as a CEL expression, and what to say if it does not."""

    model_config = _STRICT

    condition: bool = Field(description="An expression that must be true.", examples=["target == 'staging'"])
    message: str = Field(
        default="the assertion does not hold", max_length=1000, description="What to say if it is not."
    )


class NoOutputs(BaseModel):
    model_config = _STRICT


class Assert(Action):
    """Fail, for good, unless a condition holds."""

    name = "assert"
    module = "core"
    side_effect = "pure"
    conditions = frozenset({"condition"})
    failures = (final("ASSERTION_FAILED", "the condition does not hold"),)
    examples = (
        {
            "id": "not-twice",
            "action": "assert",
            "condition": "size(parameters.regions) > 0",
            "message": "name at least one region",
        },
    )
    Parameters = AssertParameters
    Outputs = NoOutputs

    async def run(self, parameters: AssertParameters, context: ActionContext) -> Completed:
        del context
        if not parameters.condition:
            raise ActionError("ASSERTION_FAILED", parameters.message, retryable=False)
        return Completed()


class TransformParameters(BaseModel):
    """The ``outputs`` as they shall be, or one ``value`` of any kind."""

    model_config = _STRICT

    outputs: dict[str, Any] | None = Field(default=None, description="The step's outputs.")
    value: Any = Field(default=None, description="The step's one output, `value`.")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if len({"outputs", "value"} & self.model_fields_set) != 1:
            raise ValueError("give either 'outputs' (an object) or 'value'")
        return self


class TransformOutputs(RootModel[dict[str, Any]]):
    """What ``outputs`` came to, or ``{"value": …}``."""


class Transform(Action):
    """Make outputs out of expressions."""

    name = "transform"
    module = "core"
    side_effect = "pure"
    Parameters = TransformParameters
    examples = (
        {
            "id": "names",
            "action": "transform",
            "outputs": {"image": "shop:${{ parameters.release }}", "where": "${{ target }}"},
        },
    )
    Outputs = TransformOutputs

    async def run(self, parameters: TransformParameters, context: ActionContext) -> Completed:
        del context
        return Completed({"value": parameters.value} if parameters.outputs is None else parameters.outputs)
