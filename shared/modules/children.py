"""The action ``run-intent`` of the module ``core``: another intent, executed as a child of the step."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from shared.domain.children import Child
from shared.domain.failures import either, final, passing
from shared.domain.steps import RUN_INTENT
from shared.domain.times import parse_rfc3339
from shared.domain.waiting import Waiting
from shared.modules.durations import Lasting, seconds_of
from shared.ports.actions import Action, ActionContext, ActionError, Completed, Foreseen, Pending, Result
from shared.ports.children import ChildRefusedError, Stop

LOOK: Final = 3600.0
"""Seconds after which a child is looked at that has said nothing: its end is told at once, as a rule."""
TOLD: Final = 500
"""Most characters that are told of why a child came to a bad end; its own record has all of it."""

_STRICT: Final = ConfigDict(strict=True, extra="forbid", frozen=True)


class RunIntentParameters(BaseModel):
    """Which intent to execute, by name (its active version) or id (exactly that), and with what."""

    model_config = _STRICT

    intent: str = Field(min_length=1, max_length=80, description="Its name or id.", examples=["deploy"])
    parameters: dict[str, Any] = Field(default={}, description="What it is executed with.")
    expires_in: Lasting | None = Field(
        default=None, description="Seconds, or a duration, after which it is cancelled.", examples=["1d12h"]
    )


class RunIntentOutputs(BaseModel):
    model_config = _STRICT

    execution_id: str = Field(description="The child's.")
    status: str = Field(description="How it ended: `completed`, or the step fails.")
    outputs: dict[str, Any] = Field(description="What it came to: the outputs of its steps.")


class RunIntent(Action):
    """Execute another intent, and complete when that does."""

    name = RUN_INTENT
    module = "core"
    side_effect = "idempotent"
    failures = (
        passing("CHILD_FAILED", "the execution that it began has failed"),
        final("CHILD_CANCELLED", "somebody cancelled it"),
        final("CHILD_LOST", "it is gone"),
        either("CHILD_REFUSED", "the intent cannot be executed"),
        final("CHILD_DEPTH", "it would stand too deep below its root"),
        final("CHILD_LIMIT", "there are too many below the root"),
    )
    Parameters = RunIntentParameters
    Outputs = RunIntentOutputs
    examples = (
        {
            "id": "deploy",
            "action": "run-intent",
            "parameters": {"intent": "deploy", "parameters": {"release": "2026.1"}},
        },
    )

    async def run(self, parameters: RunIntentParameters, context: ActionContext) -> Result:
        try:
            child = await context.children.begin(
                context.scope, context.place, parameters.intent, parameters.parameters
            )
        except ChildRefusedError as error:
            raise ActionError(error.code, error.message, retryable=error.retryable) from error
        return await self._standing(child, parameters, context)

    async def dry_run(self, parameters: RunIntentParameters, context: ActionContext) -> Result:
        """The child of a dry run is one, too."""
        return await self.run(parameters, context)

    async def poll(self, token: Any, parameters: RunIntentParameters, context: ActionContext) -> Result:
        del token  # the child follows from the attempt
        child = await context.children.look(context.scope, context.place)
        if child is None:
            raise ActionError("CHILD_LOST", "the execution that this step began is gone", retryable=False)
        return await self._standing(child, parameters, context)

    async def cancel(
        self, token: Any, parameters: RunIntentParameters, context: ActionContext
    ) -> Result | None:
        del token, parameters
        how: Stop = "terminate" if context.terminated else "cancel"
        child = await context.children.stop(context.scope, context.place, how)
        if child is None:
            return None
        if not child.ended:
            return _until(child, LOOK)
        return _completed(child) if child.status == "completed" else None

    async def _standing(
        self, child: Child, parameters: RunIntentParameters, context: ActionContext
    ) -> Result:
        """What the step is as its child stands: when the child's time is over, that is cancelled first."""
        if child.status == "completed":
            return _completed(child)
        left = LOOK
        expired = False
        if parameters.expires_in is not None:
            until = parse_rfc3339(child.created_at) + timedelta(seconds=seconds_of(parameters.expires_in))
            left = min(LOOK, (until - context.clock.now()).total_seconds())
            expired = left <= 0
        if child.ended:
            raise _failed(child, expired=expired)
        if expired:
            await context.children.stop(context.scope, context.place, "cancel")
        return _until(child, LOOK if expired else left)


def _until(child: Child, seconds: float) -> Pending:
    waiting = Waiting("child", facts={"execution_id": child.execution_id})
    return Pending(seconds, child.execution_id, waiting, own_time=True)


def _completed(child: Child) -> Completed | Foreseen:
    outputs = {
        "execution_id": child.execution_id,
        "status": child.status,
        "outputs": dict(child.outputs or {}),
    }
    if child.foreseen:
        return Foreseen({"run": child.intent_id}, outputs, unknown=["outputs"])
    return Completed(outputs)


def _failed(child: Child, *, expired: bool) -> ActionError:
    """Why the step fails. What somebody has cancelled is not tried again."""
    cause = child.error
    why = f": {_told(cause)}" if cause else ""
    of_time = expired or (cause is not None and cause["code"] == "DEADLINE")
    cancelled = child.status == "cancelled"
    return ActionError(
        "TIMEOUT" if cancelled and expired else "CHILD_CANCELLED" if cancelled else "CHILD_FAILED",
        f"the execution {child.execution_id} of {child.intent_id} {_ended(child, expired=expired)}{why}",
        retryable=not cancelled or of_time,
        more={
            "child": {
                "execution_id": child.execution_id,
                "intent_id": child.intent_id,
                "status": child.status,
                "error": cause,
            }
        },
    )


def _ended(child: Child, *, expired: bool) -> str:
    if child.status == "failed":
        return "failed"
    return "was cancelled because its time was over" if expired else "was cancelled"


def _told(cause: Mapping[str, Any]) -> str:
    step = f"step '{cause['step']}': " if "step" in cause else ""
    return f"{step}{cause['code']}: {cause['message']}"[:TOLD]
