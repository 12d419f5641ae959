"""An action at work: held to its timeout, given up when its execution is stopped, its failures named."""

import asyncio
import logging
from collections.abc import Awaitable, Coroutine, Mapping
from typing import Any, Final

from pydantic import ValidationError

from shared.domain.errors import UnavailableError
from shared.domain.executions import Attempt
from shared.domain.models import places
from shared.domain.plans import PlanStep
from shared.domain.steering import terminated
from shared.domain.waiting import Waiting
from shared.ports.actions import Action, ActionError, Completed, Foreseen, Pending, Result
from shared.ports.documents import EXECUTIONS, Documents
from shared.security.scope import TenantScope
from shared.services.steps.attempts import HEAD
from shared.services.steps.packing import unstorable

LOOK_SECONDS = 1.0
"""How often a long action's execution is looked at: it may be stopped."""

POLL_SECONDS: Final = 60.0
"""The longest that one look at something pending may take."""

MAX_TOKEN_BYTES: Final = 8192
"""The most that an action may leave to be polled with: it is in the orchestration's history."""

type Work = Coroutine[Any, Any, Result]
"""An action that has been called and not been awaited."""
type Stop = Coroutine[Any, Any, Result | None]
"""One that is called to stop what it has begun, likewise."""

_log = logging.getLogger(__name__)


class OverdueError(ActionError):
    """The attempt has taken longer than it may; ``waiting`` is what it waited for then, as it was told."""

    def __init__(self, seconds: float, waiting: Waiting | None = None) -> None:
        message = f"the step took longer than its timeout of {seconds:g} s"
        why = waiting.facts.get("message") if waiting is not None else None
        super().__init__("TIMEOUT", f"{message}: {why}" if why else message, retryable=True)


class GivenUpError(Exception):
    """The execution is being cancelled, or ``terminated``: the action was given up."""

    def __init__(self, *, terminated: bool) -> None:
        super().__init__()
        self.terminated = terminated


class Acting:
    """The work of one attempt."""

    def __init__(
        self,
        documents: Documents,
        scope: TenantScope,
        attempt: Attempt,
        step: PlanStep,
        action: Action,
        max_output_bytes: int,
    ) -> None:
        self._documents = documents
        self._scope = scope
        self._attempt = attempt
        self._step = step
        self._action = action
        self._max_output_bytes = max_output_bytes

    async def result(self, work: Work) -> Result:
        """What the action comes to.

        Raises:
            ActionError: it failed, in whatever way; an OverdueError if it took too long.
            GivenUpError: its execution is being cancelled or terminated.
            UnavailableError: a store that it needs is away.
        """
        return self._fitting(await self._named(self._watched(work)))

    async def stopped(self, work: Stop) -> Result | None:
        """What comes of stopping the action, as :meth:`result`; that is never given up."""
        result = await self._named(asyncio.wait_for(work, self._seconds))
        return None if result is None else self._fitting(result)

    async def _named[T](self, work: Awaitable[T]) -> T:
        try:
            return await work
        except (ActionError, UnavailableError, GivenUpError):
            raise
        except TimeoutError as error:
            raise OverdueError(self._seconds) from error
        except Exception as error:
            _log.exception("action %s of %s failed unexpectedly", self._step.action, self._attempt)
            broken = f"the action {self._step.action} failed unexpectedly; the platform's log has the details"
            raise ActionError("INTERNAL", broken, retryable=True) from error

    def _fitting[T: Result](self, result: T) -> T:
        if (reason := self._unfit(result)) is not None:
            raise ActionError("OUTPUTS", reason, retryable=False)
        return result

    def _unfit(self, result: object) -> str | None:
        """Why the answer cannot be taken: it is not what the action declares, or no store can keep it."""
        match result:
            case Completed(outputs):
                return undeclared(self._action, outputs) or unstorable(outputs, limit=self._max_output_bytes)
            case Foreseen(would, outputs):
                return unstorable({**outputs, "would": would}, limit=self._max_output_bytes)
            case Pending(token=token):
                return unstorable(token, what="what it waits with", limit=MAX_TOKEN_BYTES)
            case _:
                return f"the action {self._action.name} answered with a {type(result).__name__}"

    @property
    def _seconds(self) -> float:
        """How long one call may take: an attempt goes on while it is polled, and a look is not all of it."""
        return self._step.timeout if self._attempt.token is None else min(self._step.timeout, POLL_SECONDS)

    async def _watched(self, work: Work) -> Result:
        """The work's result; long work is given up when its execution is stopped."""
        # Begun at once: what needs to wait for nothing is done by then, without timers and turns of the loop.
        task = asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)
        if task.done():
            return task.result()
        try:
            async with asyncio.timeout(self._seconds):
                while True:
                    done, _ = await asyncio.wait({task}, timeout=LOOK_SECONDS)
                    if done:
                        return task.result()
                    await self._look()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    async def _look(self) -> None:
        """See whether it is to be given up.

        What comes after the steps does so when the execution was cancelled, too: it ends with a termination.
        """
        try:
            document = await self._documents.read(
                self._scope, container=EXECUTIONS, partition=self._attempt.execution_id, id=HEAD
            )
        except UnavailableError:
            return  # a store that is away gives no reason to break off what runs
        if document is None or document.body["status"] != "cancelling":
            return
        over = terminated(document.body)
        if over or self._attempt.ending is None:
            raise GivenUpError(terminated=over)


def undeclared(action: Action, outputs: Mapping[str, Any]) -> str | None:
    """Where the outputs differ from what the action declares; None: nowhere."""
    try:
        action.Outputs.model_validate(outputs)
    except ValidationError as error:
        return f"the action {action.name} returned what it does not declare: {places(error, 'outputs')}"
    return None
