"""What the policies would say: the question that is asked before anything is done, asked for its answer."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.errors import FieldError, NotFoundError, ValidationFailedError
from shared.ports.clock import Clock
from shared.security.authorization import ANY, Circumstances, Resource
from shared.security.decisions import Decision
from shared.security.permissions import OPERATIONS
from shared.security.principals import Principal
from shared.services.callers import Caller
from shared.services.registry.intents import Intents
from shared.services.tenancy.authentication import Authentication
from shared.services.tenancy.policies import EXECUTE, Policies, intent_resource


@dataclass(frozen=True, slots=True)
class Question:
    """Whether ``user`` (None: the caller) may do it at that time (None: now) from that address."""

    operation: str
    resource: str = ANY
    user: str | None = None
    at: datetime | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    question: Question
    principal: str
    at: datetime
    decision: Decision


class PolicyChecks:
    def __init__(
        self, *, policies: Policies, authentication: Authentication, intents: Intents, clock: Clock
    ) -> None:
        self._policies = policies
        self._authentication = authentication
        self._intents = intents
        self._clock = clock

    async def check(self, caller: Caller, question: Question) -> Answer:
        """What the policies say to that, and which of them; nothing is done.

        Raises:
            ValidationFailedError: there is no such operation, or no such member.
        """
        who = caller.principal if question.user is None else await self._named(caller, question.user)
        errors = []
        if question.operation not in OPERATIONS:
            known = ", ".join(sorted(OPERATIONS))
            message = f"there is no operation {question.operation!r}; there are {known}"
            errors.append(FieldError("/operation", "UNKNOWN", message))
        if who is None:
            errors.append(FieldError("/user", "UNKNOWN", f"there is no member {question.user!r}"))
        if errors or who is None:
            raise ValidationFailedError(errors=errors)
        at = question.at or self._clock.now()
        decision = await self._decide(caller, who, question, Circumstances(at, question.address))
        return Answer(question, who.name, at, decision)

    async def _named(self, caller: Caller, user: str) -> Principal | None:
        return await self._authentication.principal(caller.scope, user)

    async def _decide(
        self, caller: Caller, who: Principal, question: Question, circumstances: Circumstances
    ) -> Decision:
        """As a request is decided: by what it says, and to execute an intent also by what that is."""
        asked = Resource(question.resource)
        decision = await self._policies.decide(caller.scope, who, question.operation, asked, circumstances)
        if not decision.allowed or question.operation != EXECUTE or question.resource == ANY:
            return decision
        try:
            intent = await self._intents.get(caller, question.resource)
        except NotFoundError:
            return decision
        asked = intent_resource(intent)
        return await self._policies.decide(caller.scope, who, question.operation, asked, circumstances)
