"""Plans on the wire: what executing an intent would do, before anything is done."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from quantum.contract.problems import FieldError

PlanHash = Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]


class PlanIntent(BaseModel):
    """What to plan an intent with. The body may be left out when there are no parameters."""

    model_config = ConfigDict(extra="forbid", strict=True)

    parameters: dict[str, Any] = Field(
        default={},
        description="Values for the intent's parameters, as its JSON Schema has them.",
        examples=[{"region": "westus"}],
    )


class PlanRetry(BaseModel):
    """How often a failing step is tried, and the seconds in between."""

    max_attempts: int = Field(description="The first one included.")
    initial_interval: float
    backoff: float
    max_interval: float
    jitter: float = Field(description="The share by which a wait is longer or shorter.")
    budget: float | None = Field(
        description="Seconds from the beginning of the first attempt after which no other begins; null: none."
    )
    non_retryable: list[str] = Field(description="Codes of errors after which there is no other attempt.")


class Unresolved(BaseModel):
    """An input that is known only when the step runs."""

    pointer: str = Field(description="JSON Pointer into the step's `inputs`.", examples=["/image"])
    steps: list[str] = Field(
        description="The steps whose results it waits for; none, if it asks for the execution itself, is "
        "a secret, cannot be resolved (a warning says why), or is too large to be shown."
    )


class PlannedChild(BaseModel):
    """The intent that a `run-intent` step executes."""

    intent_id: str = Field(
        description="The version that it would be now: a name is the active one when the step begins.",
        examples=["build-v3"],
    )
    status: Literal["draft", "active", "deprecated", "archived"]


class PlannedAction(BaseModel):
    """What is done, with what, and what that means."""

    action: str = Field(examples=["build-docker-image"])
    inputs: dict[str, Any] = Field(
        description="The action's parameters. Expressions over `parameters` and `target` are resolved; the "
        "others stay as they are written, and are listed in `unresolved`."
    )
    unresolved: list[Unresolved]
    secrets: list[str] = Field(
        description="The secrets that it is given when it runs. Their values are in no plan, and who "
        "executes must be permitted `secrets.use` of each.",
        examples=[["API_TOKEN"]],
    )
    timeout: float = Field(description="Seconds that one attempt may take.")
    retry: PlanRetry
    side_effect: Literal["pure", "idempotent", "compensatable", "irreversible"] = Field(
        description="`pure`: changes nothing outside. `idempotent`: doing it twice is doing it once. "
        "`compensatable`: can be undone. `irreversible`: none of these."
    )
    module_version: int | None = Field(
        description="Of a tenant's own action: the version of its module that runs, whatever becomes of it."
    )
    where: str | None = Field(
        description="Where it takes effect, if its action says: a registry, a cluster; `local` is the "
        "machine of the platform itself."
    )
    permission: str = Field(
        description="The operation that somebody must be permitted for the step to complete: "
        "`intents.execute` whoever executes (for a `run-intent` step, of the intent that it `runs`, too); "
        "`executions.approve` whoever decides an `approval`.",
        examples=["intents.execute"],
    )
    runs: PlannedChild | None = Field(description="Of a `run-intent` step: what it executes.")


class PlanItems(BaseModel):
    """The list that a step is run for, each of its items once."""

    items: Any = Field(description="The list, or the expression that yields it.")
    unresolved: list[Unresolved] = Field(description="What of it is not known yet; pointers into `items`.")
    concurrency: int = Field(description="How many items are run at a time.")


class PlanNode(PlannedAction):
    """One step of a plan."""

    id: str = Field(examples=["build"])
    section: Literal["steps", "finally"]
    depends_on: list[str]
    when: str | None = Field(description="The condition; if it does not hold, the step is skipped.")
    holds: bool | None = Field(description="What the condition comes to; null: that is known only later.")
    continue_on_error: bool
    foreach: PlanItems | None = Field(description="What it is run for; null: it is run once.")
    compensate: PlannedAction | None = Field(
        description="What undoes it, if the execution fails or is cancelled after it has completed."
    )


class PlanEdge(BaseModel):
    """One step waits for another."""

    before: str = Field(alias="from", examples=["build"])
    after: str = Field(alias="to", examples=["deploy"])


class PlanGraph(BaseModel):
    """The steps, in the definition's order, and what runs after what."""

    nodes: list[PlanNode]
    edges: list[PlanEdge]


class Concurrency(BaseModel):
    """How many executions of an intent run at a time, and what becomes of more."""

    limit: int
    policy: Literal["queue", "refuse"]


class Plan(BaseModel):
    """What executing an intent with these parameters would do. Nothing of it is stored."""

    intent_id: str = Field(examples=["deploy-application-v1"])
    plan_hash: PlanHash = Field(
        description="Covers the version of the intent, the plan with every step, and the values of all "
        "parameters, defaults included. Send it with `execute`: if anything of that is another by then, the "
        "answer is 412 and nothing is executed."
    )
    target: str | None
    parameters: dict[str, Any] = Field(description="As sent, with the defaults that the intent declares.")
    graph: PlanGraph
    order: list[list[str]] = Field(
        description="Ids of steps, level by level: each waits for some of the level before, and those of a "
        "level may run side by side. The levels of `finally` come last.",
        examples=[[["build", "test"], ["deploy"]]],
    )
    timeout: float | None = Field(
        description="Seconds after which the execution is cancelled, if it goes on by then; null: never."
    )
    outputs: dict[str, Any] = Field(description="What it comes to if it completes, as it is written.")
    concurrency: Concurrency | None = Field(
        description="How many executions of the intent run at a time; null: any number."
    )
    warnings: list[FieldError] = Field(
        description="What is allowed and perhaps not meant, or would make a step fail. Pointers lead into "
        "the intent (`/definition/…`) or into this graph (`/graph/nodes/…`)."
    )
    blockers: list[FieldError] = Field(
        description="Why executing it now would be refused, as 422; none: it would be accepted."
    )
