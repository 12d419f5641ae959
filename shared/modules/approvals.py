"""The action ``approval`` of the module ``core``: people decide whether an execution goes on."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from shared.domain.approvals import APPROVAL, Approvers, Question, Verdict
from shared.domain.failures import final
from shared.domain.times import parse_rfc3339, rfc3339
from shared.domain.waiting import Waiting
from shared.modules.durations import MAX_WAIT, Lasting, seconds_of
from shared.ports.actions import Action, ActionContext, ActionError, Completed, Foreseen, Pending
from shared.ports.approvals import Approvals
from shared.security.permissions import ROLES

MAX_REQUIRED: Final = 20
"""The most approvals that one step may need."""
_TOKEN: Final = "asked"  # noqa: S105 - what a pending action is asked with, and no secret
_VERDICTS: Final[dict[str, Verdict]] = {"approve": "approved", "reject": "rejected"}
_STRICT: Final = ConfigDict(strict=True, extra="forbid", frozen=True)

type _Text = Annotated[str, Field(min_length=1, max_length=200)]


class ApproversParameter(BaseModel):
    """Who may decide: who has one of the roles (if any is named) and all of the attributes."""

    model_config = _STRICT

    roles: list[_Text] = Field(default=[], max_length=20, description="One of these.", examples=[["admin"]])
    attributes: dict[_Text, _Text] = Field(
        default={}, max_length=20, description="All of these.", examples=[{"department": "finance"}]
    )

    @field_validator("roles")
    @classmethod
    def _known(cls, roles: list[str]) -> list[str]:
        for role in roles:
            if role not in ROLES:
                raise ValueError(f"{role!r} is not a role; the roles are {', '.join(ROLES)}")
        return roles


class ApprovalParameters(BaseModel):
    """Who decides, how many of them, and until when."""

    model_config = _STRICT

    approvers: ApproversParameter = Field(
        default=ApproversParameter(),
        description="Which of those whose role permits `executions.approve` may decide.",
    )
    required: int = Field(default=1, ge=1, le=MAX_REQUIRED, description="How many must approve.")
    allow_self: bool = Field(default=False, description="Whether who executed may decide, too.")
    expires_in: Lasting | None = Field(
        default=None, description="Seconds, or a duration, after which it is decided.", examples=["1d12h"]
    )
    on_expiry: Literal["approve", "reject"] = Field(default="reject", description="How it is decided then.")
    message: str | None = Field(default=None, max_length=1000, description="What the approvers are asked.")

    @property
    def question(self) -> Question:
        return Question(
            approvers=Approvers(tuple(self.approvers.roles), self.approvers.attributes),
            required=self.required,
            allow_self=self.allow_self,
            expires_in=None if self.expires_in is None else seconds_of(self.expires_in),
            on_expiry=_VERDICTS[self.on_expiry],
            message=self.message,
        )


class Comment(BaseModel):
    model_config = _STRICT

    by: str = Field(description="Who says it.")
    comment: str = Field(description="What.")


class ApprovalOutputs(BaseModel):
    model_config = _STRICT

    decision: Literal["approved"] = Field(description="A rejection fails the step.")
    decided_by: list[str] = Field(description="Who approved; nobody, if it expired.")
    comments: list[Comment] = Field(description="What they had to say.")
    at: str = Field(description="When it was decided (RFC 3339).")
    expired: bool = Field(description="Whether it was approved because nobody decided in time.")


class ApprovalAction(Action):
    """Wait until enough approvers have approved; one rejection fails the step for good."""

    name = APPROVAL
    module = "core"
    side_effect = "idempotent"
    permission = "executions.approve"
    failures = (
        final("REJECTED", "somebody rejected it, or nobody decided in time"),
        final("WITHDRAWN", "its execution ended before anybody decided"),
    )
    examples = (
        {
            "id": "sign-off",
            "action": "approval",
            "message": "May release ${{ parameters.release }} go to production?",
            "approvers": {"roles": ["approver"]},
            "expires_in": "1d",
        },
    )
    Parameters = ApprovalParameters
    Outputs = ApprovalOutputs

    def __init__(self, approvals: Approvals) -> None:
        self._approvals = approvals

    async def run(self, parameters: ApprovalParameters, context: ActionContext) -> Completed | Pending:
        approval = await self._approvals.ask(
            context.scope, context.execution_id, context.step_id, parameters.question
        )
        if approval.waits:
            until = parse_rfc3339(approval.until) if approval.until else None
            left = (until - context.clock.now()).total_seconds() if until else MAX_WAIT
            return Pending(left, _TOKEN, Waiting("approval", until), own_time=True)
        if approval.status == "withdrawn":
            raise ActionError("WITHDRAWN", "its execution ended before anybody decided", retryable=False)
        comments = [one for one in approval.decisions if one.comment]
        if approval.status == "rejected":
            said = "".join(f": {one.comment}" for one in comments if one.decision == "rejected")
            by = "".join(one.by for one in approval.decisions if one.decision == "rejected")
            why = f"nobody decided until {approval.until}" if approval.expired else f"{by} rejected it{said}"
            raise ActionError("REJECTED", why, retryable=False)
        return Completed(
            {
                "decision": approval.status,
                "decided_by": [] if approval.expired else [one.by for one in approval.decisions],
                "comments": [{"by": one.by, "comment": one.comment} for one in comments],
                "at": approval.ended,
                "expired": approval.expired,
            }
        )

    async def dry_run(self, parameters: ApprovalParameters, context: ActionContext) -> Foreseen:
        """Nobody is asked: it comes out as approved, by nobody."""
        question = parameters.question
        would = {
            "ask": question.message,
            "approvers": parameters.approvers.model_dump(),
            "required": question.required,
            "expires_in": question.expires_in,
            "assumed": "approved",
        }
        outputs = {
            "decision": "approved",
            "decided_by": [],
            "comments": [],
            "at": rfc3339(context.clock.now()),
            "expired": False,
        }
        return Foreseen(would, outputs, unknown=["decided_by", "comments", "at", "expired"])

    async def poll(
        self, token: Any, parameters: ApprovalParameters, context: ActionContext
    ) -> Completed | Pending:
        del token
        return await self.run(parameters, context)
