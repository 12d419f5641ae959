"""Approvals on the wire."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from quantum.contract.plans import PlanHash

type Verdict = Literal["approved", "rejected"]


class DecideApproval(BaseModel):
    """What to say with a decision. The body may be left out."""

    model_config = ConfigDict(extra="forbid", strict=True)

    comment: Annotated[str, Field(min_length=1, max_length=1000)] | None = Field(
        default=None, description="Why.", examples=["The tests of last night are green."]
    )


class Approvers(BaseModel):
    """Who may decide: who has one of the roles (of any, if none is named) and all of the attributes."""

    roles: list[str] = Field(examples=[["approver"]])
    attributes: dict[str, str] = Field(examples=[{"department": "finance"}])


class Decision(BaseModel):
    """What one approver decided."""

    decision: Verdict
    by: str = Field(examples=["ada@tenant-123"])
    at: str
    comment: str | None


class Approval(BaseModel):
    """What a step asks people for, and how that stands."""

    status: Literal["waiting", "approved", "rejected", "withdrawn"] = Field(
        description="`withdrawn`: its step ended, with its execution, before anybody decided."
    )
    message: str | None
    approvers: Approvers
    required: int = Field(description="How many must approve; one rejection rejects.")
    have: int = Field(description="How many have approved.")
    allow_self: bool = Field(description="Whether who executed may decide.")
    on_expiry: Verdict = Field(description="How it is decided if nobody does until `until`.")
    plan_hash: PlanHash = Field(description="Of the execution's plan: that is what is decided.")
    since: str
    until: str | None = Field(description="When it expires; null: never.")
    ended_at: str | None = Field(description="When it was decided.")
    expired: bool = Field(description="Whether it was decided because nobody did in time.")
    decisions: list[Decision]


class ApprovalDecided(BaseModel):
    """A decision that was counted, and what it made of the approval."""

    execution_id: str = Field(examples=["01HKAJ5W1QZ5M5V7YB4W6N8T2C"])
    step: str = Field(examples=["sign-off"])
    approval: Approval
