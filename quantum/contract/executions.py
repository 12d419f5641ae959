"""Executions on the wire."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from quantum.contract.approvals import Approval, Approvers
from quantum.contract.pages import Page, Paging
from quantum.contract.plans import PlanHash
from quantum.contract.times import Moment

type ExecutionStatus = Literal[
    "pending", "running", "waiting", "paused", "cancelling", "completed", "failed", "cancelled"
]
type StepStatus = Literal[
    "pending",
    "running",
    "waiting",
    "retrying",
    "completed",
    "skipped",
    "failed",
    "cancelled",
    "compensated",
]


type Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=500,
        description="Why. It is told in the audit trail, in events, and in the error of what is stopped.",
        examples=["The cluster is being moved."],
    ),
]


class ExecuteIntent(BaseModel):
    """What to run an intent with. The body may be left out when there are no parameters."""

    model_config = ConfigDict(extra="forbid", strict=True)

    parameters: dict[str, Any] = Field(
        default={},
        description="Values for the intent's parameters, as its JSON Schema has them.",
        examples=[{"region": "westus"}],
    )
    plan_hash: PlanHash | None = Field(
        default=None,
        description="Of the plan that was reviewed. If what would be executed is not that any more, the "
        "answer is 412, and nothing is executed.",
    )
    dry_run: bool = Field(
        default=False,
        description="Whether to do nothing: the plan is walked with every decision, and the execution says "
        "what it would do.",
    )


type StepName = Annotated[str, Field(min_length=1, max_length=63)]


type FromSteps = StepName | Annotated[list[StepName], Field(min_length=1, max_length=1000)] | None


class RetryExecution(BaseModel):
    """What to run again. Without a body: what did not end well, and what depends on it."""

    model_config = ConfigDict(extra="forbid", strict=True, validate_by_name=True)

    from_: FromSteps = Field(
        default=None,
        alias="from",
        description="Steps to run again although they ended well; so does what depends on them.",
        examples=["build"],
    )
    repeat_irreversible: Literal[True] | Annotated[list[StepName], Field(max_length=1000)] = Field(
        default=[],
        description="The steps whose irreversible action may be done again although it was begun before; "
        "`true`: every one. Without it, such a retry is refused with 409 `IRREVERSIBLE`.",
    )
    reason: str | None = Field(default=None, max_length=1000, description="Why; the audit record has it.")


class SteerExecution(BaseModel):
    """What to say with it. The body may be left out."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Reason | None = None


class Links(BaseModel):
    """Where to go from an execution; paths on the same origin."""

    self: str
    events: str
    intent: str


class ExecutionAccepted(BaseModel):
    """An execution that was accepted or told to change; follow `links.events`."""

    execution_id: str = Field(examples=["01HKAJ5W1QZ5M5V7YB4W6N8T2C"])
    status: ExecutionStatus
    links: Links
    successor: str | None = Field(
        default=None, description="Of a deprecated intent: what is to be executed instead; else left out."
    )


class Progress(BaseModel):
    """How many steps came to an end, and how."""

    total: int
    completed: int
    failed: int
    skipped: int
    percent: int = Field(ge=0, le=100)


class ExpectedProgress(Progress):
    """How many steps came to an end, and how long the rest will take, judged by past executions."""

    remaining_seconds: float | None = Field(
        ge=0,
        description="Seconds of work that are left; null: not known. 0 once it has ended.",
        examples=[42.5],
    )
    expected_at: str | None = Field(
        description="When it will have ended; null: not known, or nothing goes on until it has its turn or "
        "is resumed. RFC 3339, UTC."
    )
    based_on: int = Field(description="How many executions that is judged by: those that completed last.")


class CompensationState(BaseModel):
    """How undoing a step stands."""

    status: StepStatus
    attempts: int
    started_at: str
    finished_at: str | None
    error: dict[str, Any] | None


class Waiting(BaseModel):
    """Something that is waited for. Which of the fields behind `until` there are depends on `for`."""

    model_config = ConfigDict(validate_by_name=True)

    for_: Literal[
        "approval", "timer", "retry", "poll", "callback", "child", "limit", "dependency", "pause"
    ] = Field(alias="for")
    step: str | None = Field(description="The step that waits; null: all of the execution.")
    item: int | None = Field(
        default=None, description="Of a step with `foreach`: the item that waits, by its place in the list."
    )
    since: str
    until: str | None = Field(description="When it goes on by itself at the latest; null: that is not known.")
    approvers: Approvers | None = None
    required: int | None = Field(default=None, description="How many must approve.")
    have: int | None = Field(default=None, description="How many have approved so far.")
    execution_id: str | None = Field(default=None, description="The child that is waited for.")
    dependencies: list[str] | None = Field(
        default=None, description="The steps that must end first, of many of them some."
    )
    limit: Literal["tenant", "intent"] | None = Field(default=None, description="Whose limit holds it back.")
    most: int | None = Field(default=None, description="How many that limit lets run at a time.")
    running: int | None = Field(default=None, description="How many of them run now.")
    place: int | None = Field(default=None, description="Its place in the queue; 1 is the next.")
    by: str | None = Field(default=None, description="Who paused it.")
    reason: str | None = Field(default=None, description="Why it was paused, if that was said.")


OUTPUTS = (
    "What it came to. Of more than 64 KiB a reference stands here: `$ref`, the path where all of it is read, "
    "`size` (bytes of JSON), `sha256`, and `preview`, its first fields."
)


class StepState(BaseModel):
    """How one step stands."""

    id: str = Field(examples=["build"])
    action: str = Field(examples=["build-docker-image"])
    status: StepStatus
    attempts: int
    started_at: str | None
    finished_at: str | None
    duration: float | None = Field(
        description="Seconds that its last attempt took, or has taken so far; null: it has not begun."
    )
    expected: float | None = Field(
        description="Seconds that it took in past executions, as a rule; null: not known, or this execution "
        "has ended."
    )
    outputs: dict[str, Any] | None = Field(description=OUTPUTS)
    error: dict[str, Any] | None
    compensation: CompensationState | None = Field(
        description="Of a step that completed and has a `compensate`, once its execution came to a bad end."
    )
    waiting: list[Waiting] = Field(description="What it waits for; of many items of a step, some.")
    approval: Approval | None = Field(description="Of a step that has asked for one.")
    child: str | None = Field(
        description="Of a `run-intent` step that has begun: the id of the execution that it waits for."
    )
    would: dict[str, Any] | None = Field(description="Of a dry run: what the action would do.")
    unknown: list[str] = Field(
        description="Of a dry run: what only a real run can tell, as JSON Pointers into this: `/outputs/a` "
        "is one output, `/outputs` all that are not there, `/status` whether it would run at all."
    )
    kept_from: str | None = Field(
        description="Of a retry: the execution in which the step ran, if it did not run again."
    )


class ExecutionSchedule(BaseModel):
    """The schedule that started an execution."""

    name: str = Field(examples=["nightly"])
    scheduled_at: str = Field(description="The time that was due. RFC 3339, UTC.")


class ExecutionParent(BaseModel):
    """The step that has asked for an execution."""

    execution_id: str
    step: str = Field(examples=["deploy"])
    item: int | None = Field(description="Of a step with `foreach`: for which item of its list.")
    root: str = Field(description="The execution at the top, which no step has asked for.")
    depth: int = Field(description="How far below that it stands: 1 is its child.")


class Undecided(BaseModel):
    """What a dry run leaves open, because only a real run can tell."""

    steps: list[str] = Field(description="The steps of which it is not known what they would do.")
    outputs: list[str] = Field(description="The outputs of the execution that are not known.")


class ExecutionHead(BaseModel):
    """One run of an intent, without its steps."""

    execution_id: str = Field(examples=["01HKAJ5W1QZ5M5V7YB4W6N8T2C"])
    intent_id: str = Field(examples=["deploy-application-v1"])
    tenant_id: str = Field(examples=["tenant-123"])
    status: ExecutionStatus
    parameters: dict[str, Any]
    plan_hash: PlanHash = Field(description="That of the plan with these parameters, as `plan` shows it.")
    progress: Progress
    error: dict[str, Any] | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    created_by: str = Field(
        description="In whose name it runs: of a scheduled one, who wrote the schedule; of a child, who "
        "executed its root.",
        examples=["ada@tenant-123"],
    )
    schedule: ExecutionSchedule | None = Field(description="The schedule that started it, if one did.")
    parent: ExecutionParent | None = Field(
        description="The step that started it, as its child; without that and a schedule, `created_by` did."
    )
    dry_run: bool = Field(description="Whether it only says what it would do.")
    undecided: Undecided | None = Field(description="Of a dry run that has ended: what it could not decide.")
    retry_of: str | None = Field(description="The execution that it is a retry of.")
    retried_by: str | None = Field(description="The execution that is its retry.")
    links: Links


class Execution(ExecutionHead):
    """One run of an intent, with each step."""

    progress: ExpectedProgress
    waiting: list[Waiting] = Field(
        description="What it waits for, over all steps that have begun; what those wait for that have not is "
        "with each of them."
    )
    steps: list[StepState]
    outputs: dict[str, Any] | None = Field(
        description="What it came to, as its definition's `outputs` say, once it has completed; large ones "
        "are a reference, as in a step."
    )


class ExecutionQuery(Paging):
    """Which executions to list, newest first; all conditions must hold."""

    intent: Annotated[
        str | None,
        Field(min_length=1, max_length=100, description="A name: every version's; an id: that version's."),
    ] = None
    status: Annotated[ExecutionStatus | None, Field(description="Only executions of this status.")] = None
    parent: Annotated[
        str | None,
        Field(min_length=1, max_length=100, description="Only those that steps of this execution started."),
    ] = None
    dry_run: Annotated[
        bool | None, Field(description="Only dry runs (`true`), or only others (`false`).")
    ] = None
    since: Annotated[Moment | None, Field(description="Created at or after.")] = None
    until: Annotated[Moment | None, Field(description="Created before.")] = None


class ExecutionPage(Page[ExecutionHead]):
    """A page of executions, newest first."""
