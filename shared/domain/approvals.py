"""Approvals: what a step asks people for, who may decide it, and what their decisions come to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from shared.domain.errors import ConflictError, ForbiddenError
from shared.domain.times import parse_rfc3339, rfc3339

APPROVAL: Final = "approval"
"""The action that asks, and the kind of the documents with what it asks."""

type Verdict = Literal["approved", "rejected"]
type ApprovalStatus = Literal["waiting", "approved", "rejected", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Approvers:
    """Who may decide: who has one of the roles (of any, if none is named) and all of the attributes."""

    roles: Sequence[str] = ()
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])

    def include(self, roles: Collection[str], attributes: Mapping[str, Any]) -> bool:
        has_role = not self.roles or any(role in roles for role in self.roles)
        return has_role and all(attributes.get(name) == value for name, value in self.attributes.items())

    def __str__(self) -> str:
        """In words, for messages."""
        with_role = [f"the role {' or '.join(self.roles)}"] if self.roles else []
        return " and ".join([*with_role, *(f"{name} {value!r}" for name, value in self.attributes.items())])


@dataclass(frozen=True, slots=True)
class Question:
    """What a step asks for.

    Attributes:
        required: how many must approve; one rejection rejects.
        allow_self: whether who executed may decide.
        expires_in: seconds until it is decided by itself; None: it never is.
        on_expiry: how it is decided then.
        message: what the approvers are asked.
    """

    approvers: Approvers = Approvers()
    required: int = 1
    allow_self: bool = False
    expires_in: float | None = None
    on_expiry: Verdict = "rejected"
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What one approver decided; ``at`` is RFC 3339."""

    decision: Verdict
    by: str
    at: str
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """A question that was asked, and how it stands. Times are RFC 3339 in UTC.

    Attributes:
        plan_hash: of the execution's plan: what is decided is that and nothing else.
        executed_by: who executed.
        until: when it expires; None: never.
        status: ``withdrawn`` if the execution ended before it was decided.
        ended: when it was decided or withdrawn; None: it waits.
        expired: whether nobody decided it in time.
    """

    step: str
    plan_hash: str
    executed_by: str
    question: Question
    since: str
    until: str | None
    status: ApprovalStatus = "waiting"
    ended: str | None = None
    expired: bool = False
    decisions: Sequence[Decision] = ()

    @classmethod
    def asked(
        cls, step: str, question: Question, *, plan_hash: str, executed_by: str, now: datetime
    ) -> "Approval":
        until = None
        if question.expires_in is not None:
            until = rfc3339(now + timedelta(seconds=question.expires_in))
        return cls(step, plan_hash, executed_by, question, rfc3339(now), until)

    @property
    def have(self) -> int:
        """How many have approved."""
        return sum(one.decision == "approved" for one in self.decisions)

    @property
    def waits(self) -> bool:
        return self.status == "waiting"

    def overdue(self, now: datetime) -> bool:
        """Whether it waits although its time is over."""
        return self.waits and self.until is not None and parse_rfc3339(self.until) <= now

    def expire(self, now: datetime) -> "Approval":
        """Itself, decided because its time is over."""
        return replace(self, status=self.question.on_expiry, ended=rfc3339(now), expired=True)

    def withdraw(self, now: datetime) -> "Approval":
        """Itself, when nobody waits for it any more."""
        return replace(self, status="withdrawn", ended=rfc3339(now))

    def decision_of(self, name: str) -> Decision | None:
        """What that member has decided, if it has."""
        return next((one for one in self.decisions if one.by == name), None)

    def left_by(self, name: str) -> "Approval":
        """Itself as the decision of that member left it."""
        count = next(number for number, one in enumerate(self.decisions, 1) if one.by == name)
        if count == len(self.decisions) and not self.expired and self.status != "withdrawn":
            return self
        return replace(self, status="waiting", ended=None, expired=False, decisions=self.decisions[:count])

    def require_approver(self, name: str, roles: Collection[str], attributes: Mapping[str, Any]) -> None:
        """Let pass who may decide.

        Raises:
            ForbiddenError: that member may not; ``policies`` names the rule.
        """
        if name == self.executed_by and not self.question.allow_self:
            message = f"{name} executed this, and who executes does not decide: ask another approver"
            raise ForbiddenError(message, policies=["approval:no-self-approval"])
        if not self.question.approvers.include(roles, attributes):
            message = (
                f"{name} is not one of the approvers of step '{self.step}': those with "
                f"{self.question.approvers}"
            )
            raise ForbiddenError(message, policies=["approval:approvers"])

    def awaits(self, name: str, roles: Collection[str], attributes: Mapping[str, Any], now: datetime) -> bool:
        """Whether that member may decide it, has not, and still can."""
        if not self.waits or self.overdue(now) or self.decision_of(name) is not None:
            return False
        try:
            self.require_approver(name, roles, attributes)
        except ForbiddenError:
            return False
        return True

    def with_decision(self, decision: Decision) -> "Approval":
        """Itself with one more decision; the last that it needs decides it.

        Raises:
            ConflictError: it is decided, or its time is over.
        """
        if not self.waits or self.overdue(parse_rfc3339(decision.at)):
            how = "expired" if self.expired or self.waits else f"was {self.status}"
            raise ConflictError(f"Step '{self.step}' does not wait any more: its approval {how}")
        added = replace(self, decisions=(*self.decisions, decision))
        if decision.decision == "rejected":
            return replace(added, status="rejected", ended=decision.at)
        enough = added.have >= self.question.required
        return replace(added, status="approved", ended=decision.at) if enough else added

    def shown(self) -> dict[str, Any]:
        """What those who watch see of it."""
        asked = self.question
        return {
            "status": self.status,
            "message": asked.message,
            "approvers": {"roles": list(asked.approvers.roles), "attributes": asked.approvers.attributes},
            "required": asked.required,
            "have": self.have,
            "allow_self": asked.allow_self,
            "on_expiry": asked.on_expiry,
            "plan_hash": self.plan_hash,
            "since": self.since,
            "until": self.until,
            "ended_at": self.ended,
            "expired": self.expired,
            "decisions": [asdict(one) for one in self.decisions],
        }

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Approval":
        question = data["question"]
        return cls(
            **{
                **data,
                "question": Question(**{**question, "approvers": Approvers(**question["approvers"])}),
                "decisions": tuple(Decision(**one) for one in data["decisions"]),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalFilter:
    """Which approvals: those that all of this holds for.

    ``intent`` is a name (every version) or an id (that version); ``mine`` leaves those that wait for the word
    of whoever asks.
    """

    status: ApprovalStatus = "waiting"
    intent: str | None = None
    mine: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """An approval in a list, with its place.

    Attributes:
        may_decide: whether it waits for the word of whoever lists it.
    """

    execution_id: str
    intent_id: str
    approval: Approval
    may_decide: bool
