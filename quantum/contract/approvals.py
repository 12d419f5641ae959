"""Approvals on the wire."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from quantum.contract.pages import Page, Paging
from quantum.contract.plans import PlanHash

type Verdict = Literal["approved", "rejected"]
type ApprovalStatus = Literal["waiting", "approved", "rejected", "withdrawn"]


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

    status: ApprovalStatus = Field(
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
    ended_at: str | None = Field(description="When it was decided, or withdrawn.")
    expired: bool = Field(description="Whether it was decided because nobody did in time.")
    decisions: list[Decision]


class StepApproval(BaseModel):
    execution_id: str = Field(examples=["01HKAJ5W1QZ5M5V7YB4W6N8T2C"])
    step: str = Field(examples=["sign-off"])
    approval: Approval


class ApprovalDecided(StepApproval):
    """A decision that was counted, and what it made of the approval."""


class ApprovalLinks(BaseModel):
    """Where the execution is, and where to decide."""

    execution: str
    approve: str
    reject: str


class AskedApproval(StepApproval):
    """An approval that a step has asked for."""

    intent_id: str = Field(examples=["deploy-application-v1"])
    created_by: str = Field(description="Who executed it.", examples=["ada@tenant-123"])
    may_decide: bool = Field(
        description="Whether it waits for a word of yours: you may decide it, and have not."
    )
    links: ApprovalLinks


class ApprovalQuery(Paging):
    """Which approvals to list; all conditions must hold."""

    status: Annotated[
        ApprovalStatus, Field(description="Those that wait are listed by default, the longest wait first.")
    ] = "waiting"
    intent: Annotated[
        str | None,
        Field(min_length=1, max_length=100, description="A name: every version's; an id: that version's."),
    ] = None
    mine: Annotated[bool, Field(description="Only those that wait for a word of yours.")] = False


class ApprovalPage(Page[AskedApproval]):
    """A page of approvals. It may have fewer than `limit` although there are more."""
