"""The world outside: what steps do to it, as their own definitions say, and what it remembers."""

import asyncio
import base64
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from shared.domain.actions import SideEffect
from shared.ports.actions import Action, ActionContext, ActionError, Completed, Pending

CALLED_BACK: Final = "called back"
"""The token of what waits for that."""
EFFECTS: Final[tuple[SideEffect, ...]] = ("pure", "idempotent", "compensatable", "irreversible")


class ActParameters(BaseModel):
    """``script``: what each call comes to, in order; when it is at its end, all goes well."""

    model_config = ConfigDict(extra="allow", strict=True)

    script: list[str] = []
    token: str = ""


class ActOutputs(BaseModel):
    n: int
    text: str = ""
    seen: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """That an action was begun: whose (the step's key in its execution), and in which attempt."""

    key: str
    attempt: int
    effect: SideEffect


class Outside:
    """Outlives the processes that call it. What it says does not depend on who asks, or whether again."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.jobs: dict[str, JobState] = {}
        """What was begun to go on by itself, by its attempt."""
        self.addresses: list[str] = []
        """Where it was asked to call back, and has not yet."""
        self.tokens: defaultdict[str, set[str]] = defaultdict(set)
        """What it was given of secrets, by execution; it tells them in all that it answers."""
        self._said: Counter[str] = Counter()

    def asked_to_stop(self, job: str) -> int:
        """How often the job was asked to, with this time."""
        self._said[f"stop {job}"] += 1
        return self._said[f"stop {job}"]

    async def answer(self, parameters: ActParameters, context: ActionContext) -> Completed | Pending:
        key = context.idempotency_key
        place = self._said[key]
        self._said[key] += 1
        says = parameters.script[place] if place < len(parameters.script) else "well"
        seen = base64.b64encode(parameters.token.encode()).decode()
        if parameters.token:
            self.tokens[key.partition("/")[0]].add(parameters.token)
        what, _, seconds = says.partition(":")
        match what:
            case "error":
                raise ActionError("AGAIN", f"not now {parameters.token}", retryable=True)
            case "fatal":
                raise ActionError("NEVER", "not ever", retryable=False, more={"seen": seen})
            case "bug":
                raise ZeroDivisionError
            case "slow":
                await asyncio.sleep(float(seconds))
            case "pending":
                return Pending(float(seconds), f"job-{place}")
            case "waiting":
                return Pending(float(seconds), "job")
            case "callback":
                opened = await context.callbacks.open(context.scope, context.place, seconds=float(seconds))
                self.addresses.append(opened.address)
                return Pending(float(seconds), CALLED_BACK, own_time=True)
            case "large":
                return Completed({"n": place, "text": "x" * 70_000, "seen": seen})
            case _:
                pass
        return Completed({"n": place, "seen": seen})


type JobState = Literal["running", "stopping", "stopped", "done", "failed"]


class JobParameters(ActParameters):
    """``stubborn``: how often it is still stopping when it is asked to stop."""

    stubborn: int = 0


class Job(Action):
    """Begins something that goes on by itself, and can stop it. What was stopped is never begun again."""

    name = "job"
    module = "test"
    side_effect = "idempotent"
    Parameters = JobParameters
    Outputs = ActOutputs

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def run(self, parameters: JobParameters, context: ActionContext) -> Completed | Pending:
        self._outside.jobs.setdefault(_job(context), "running")
        return await self._look(parameters, context)

    async def poll(
        self, token: Any, parameters: JobParameters, context: ActionContext
    ) -> Completed | Pending:
        return await self._look(parameters, context)

    async def cancel(
        self, token: Any, parameters: JobParameters, context: ActionContext
    ) -> Completed | Pending | None:
        jobs, job = self._outside.jobs, _job(context)
        if jobs.get(job) == "done":
            return Completed({"n": 0})
        asked = self._outside.asked_to_stop(job)
        jobs[job] = "stopping" if asked <= parameters.stubborn else "stopped"
        return Pending(1, token) if jobs[job] == "stopping" else None

    async def _look(self, parameters: JobParameters, context: ActionContext) -> Completed | Pending:
        jobs, job = self._outside.jobs, _job(context)
        try:
            found = await self._outside.answer(parameters, context)
        except (ActionError, ZeroDivisionError):
            jobs[job] = "failed"
            raise
        if isinstance(found, Completed):
            jobs[job] = "done"
        return found


def _job(context: ActionContext) -> str:
    return f"{context.idempotency_key}#{context.attempt}"


class Act(Action):
    module = "test"
    takes_secrets = frozenset({"token"})
    Parameters = ActParameters
    Outputs = ActOutputs

    def __init__(self, effect: SideEffect, outside: Outside) -> None:
        self.name = f"act-{effect}"  # type: ignore[misc]  # one for each effect
        self.side_effect = effect  # type: ignore[misc]  # as above
        self._outside = outside

    async def run(self, parameters: ActParameters, context: ActionContext) -> Completed | Pending:
        self._outside.calls.append(Call(context.idempotency_key, context.attempt, self.side_effect))
        return await self._outside.answer(parameters, context)

    async def poll(
        self, token: Any, parameters: ActParameters, context: ActionContext
    ) -> Completed | Pending:
        if token != CALLED_BACK:
            return await self._outside.answer(parameters, context)
        callback = await context.callbacks.look(context.scope, context.place)
        if callback.answer is not None:
            return Completed(callback.answer.outputs)
        if callback.status == "open":
            return Pending((callback.until - context.clock.now()).total_seconds(), token, own_time=True)
        raise ActionError("TIMEOUT", "nobody called back", retryable=True)
