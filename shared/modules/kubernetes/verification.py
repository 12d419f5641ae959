"""The action ``verify-deployment``: what was deployed answers as it should, and goes on doing so."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar, Final

from pydantic import BaseModel

from shared.domain.actions import Taking
from shared.domain.failures import passing
from shared.domain.times import parse_rfc3339, rfc3339
from shared.domain.waiting import Waiting
from shared.modules.failures import FETCHING
from shared.modules.fetching import Fetcher
from shared.modules.kubernetes.deployment import DEPLOYMENT
from shared.modules.kubernetes.failures import TARGETS
from shared.modules.kubernetes.parameters import CONFIDENTIAL, VerifyOutputs, VerifyParameters
from shared.modules.kubernetes.targets import Targets, told
from shared.ports.actions import Action, ActionContext, ActionError, Completed, Foreseen, Pending, Result
from shared.ports.targets import Probed

MAX_BODY: Final = 256 * 1024
"""Bytes of an answer in which the expected text is looked for."""


@dataclass(frozen=True, slots=True)
class _Record:
    """What was found so far; it is what the attempt's token says.

    ``good_since`` is when the first of the good answers came that nothing bad came after (RFC 3339).
    """

    checks: int = 0
    failures: int = 0
    good_since: str | None = None


class VerifyDeployment(Action):
    """Ask what was deployed whether it is well, several times if need be, and see that it stays so."""

    name = "verify-deployment"
    module = "kubernetes"
    side_effect = "idempotent"
    takes_secrets = CONFIDENTIAL
    takes: ClassVar[Mapping[str, Taking]] = MappingProxyType(
        {"deployment": Taking(DEPLOYMENT, is_optional=True)}
    )
    failures = (
        *TARGETS,
        *FETCHING[1:],
        passing("NOT_WELL", "it is not well after as many looks as it has"),
    )
    examples = (
        {
            "id": "verify",
            "action": "verify-deployment",
            "health_check": "/health",
            "expected_body": "ok",
            "stable_for": 30,
        },
    )
    Parameters: ClassVar[type[BaseModel]] = VerifyParameters
    Outputs: ClassVar[type[BaseModel]] = VerifyOutputs

    def __init__(self, targets: Targets, fetcher: Fetcher) -> None:
        self._targets = targets
        self._fetcher = fetcher

    def where(self, parameters: Mapping[str, Any]) -> str | None:
        return self._targets.where(parameters)

    async def run(self, parameters: VerifyParameters, context: ActionContext) -> Result:
        return await self._check(_Record(), parameters, context)

    async def poll(self, token: Any, parameters: VerifyParameters, context: ActionContext) -> Result:
        return await self._check(_Record(**token), parameters, context)

    async def dry_run(self, parameters: VerifyParameters, context: ActionContext) -> Foreseen:
        del context
        would = {
            "get": parameters.health_check,
            "expected_status": parameters.expected_status,
            "stable_for": parameters.stable_for,
        }
        return Foreseen(would, {"health_check": parameters.health_check})

    async def _check(self, before: _Record, parameters: VerifyParameters, context: ActionContext) -> Result:
        """Ask once more: it is well, or it is asked again later, or it was bad too often."""
        now = context.clock.now()
        try:
            answer = await self._answer(parameters, context)
            problem = _problem(parameters, answer)
        except ActionError as error:
            if not error.retryable:
                raise
            answer, problem = None, error.message
        if answer is None or problem:
            record = _Record(before.checks + 1, before.failures + 1)
            if record.failures >= parameters.attempts:
                message = f"{parameters.health_check} is not well after {record.checks} checks: {problem}"
                raise ActionError("NOT_WELL", message, retryable=True)
            return _later(parameters, record, problem)
        record = _Record(before.checks + 1, before.failures, before.good_since or rfc3339(now))
        left = parameters.stable_for - _seconds_since(record.good_since, now)
        if left > 0:
            return _later(parameters, record, f"well; it must stay so for {left:.0f} s more")
        return Completed(
            {
                "target": None
                if parameters.is_url
                else self._targets.of(context.scope, parameters.kubeconfig).name,
                "health_check": parameters.health_check,
                "status": answer.status,
                "checks": record.checks,
                "failures": record.failures,
            }
        )

    async def _answer(self, parameters: VerifyParameters, context: ActionContext) -> Probed:
        if parameters.is_url:
            return await self._fetcher.get(
                parameters.health_check, seconds=parameters.timeout_each, limit=MAX_BODY
            )
        if parameters.deployment is None:
            message = "nothing was deployed by an earlier step: give 'deployment', or 'health_check' a URL"
            raise ActionError("PARAMETERS", message, retryable=False)
        target = self._targets.of(context.scope, parameters.kubeconfig)
        with told():
            return await target.probe(
                context.scope,
                parameters.deployment.value,
                path=parameters.health_check,
                seconds=parameters.timeout_each,
                limit=MAX_BODY,
            )


def _problem(parameters: VerifyParameters, answer: Probed) -> str | None:
    """What is bad about an answer."""
    if answer.status not in parameters.expected_status:
        wanted = " or ".join(map(str, parameters.expected_status))
        return f"it answered {answer.status}, not {wanted}"
    if parameters.expected_body and parameters.expected_body not in answer.body.decode(errors="replace"):
        return f"its answer does not have {parameters.expected_body[:100]!r} in it"
    return None


def _later(parameters: VerifyParameters, record: _Record, message: str | None) -> Pending:
    facts = {"checks": record.checks, "failures": record.failures, "message": message}
    return Pending(parameters.interval, asdict(record), Waiting("poll", facts=facts))


def _seconds_since(moment: str | None, now: datetime) -> float:
    return 0.0 if moment is None else (now - parse_rfc3339(moment)).total_seconds()
