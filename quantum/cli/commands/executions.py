"""Executions: what runs and has run."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from quantum.cli import bulk, completing, inputs, watching
from quantum.cli.exits import Exit
from quantum.cli.output import Columns, Format, Output, detail, field, moment, show
from quantum.cli.progress import waits_for
from quantum.cli.session import each, fail, run

if TYPE_CHECKING:  # loaded when it is needed
    from quantum.client import Client

app = typer.Typer(no_args_is_help=True, help="What runs and has run.")
Id = Annotated[str, typer.Argument(help="Of the execution.", autocompletion=completing.executions)]
Reason = Annotated[str | None, typer.Option(help="Why; it is told in the audit trail.")]
Comment = Annotated[str | None, typer.Option(help="Why.")]
Step = Annotated[
    str | None,
    typer.Argument(help="The step; if left out, the one that asks.", autocompletion=completing.steps),
]
StepOf = Annotated[str, typer.Argument(help="Of its steps, which.", autocompletion=completing.steps)]
Item = Annotated[int | None, typer.Option(min=0, help="Of a step with foreach: which, by its place.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Follow it to its end.")]
COLUMNS = {
    "ID": field("execution_id"),
    "INTENT": field("intent_id"),
    "STATUS": field("status"),
    "DONE": lambda one: f"{one['progress']['percent']} %",
    "CREATED": moment("created_at"),
    "BY": field("created_by"),
}
STEP_COLUMNS = {
    "STEP": field("id"),
    "ACTION": field("action"),
    "STATUS": field("status"),
    "ATTEMPTS": field("attempts"),
    "SECONDS": lambda step: None if step["duration"] is None else f"{step['duration']:.1f}",
    "WHY": lambda step: (step["error"] or {}).get("message") or _waiting(step),
}

APPROVAL_COLUMNS = {
    "EXECUTION": field("execution_id"),
    "INTENT": field("intent_id"),
    "STEP": field("step"),
    "ASKS": field("approval", "message"),
    "SINCE": lambda one: moment("since")(one["approval"]),
    "HAS": lambda one: f"{one['approval']['have']} of {one['approval']['required']}",
    "BY": field("created_by"),
}

ATTEMPTS = {
    "ATTEMPT": field("number"),
    "OF": lambda one: "undoing it" if one.get("undoing") else "doing it",
    "STATUS": field("status"),
    "BEGAN": moment("started_at"),
    "ENDED": moment("finished_at"),
    "WHY": field("error", "message"),
}


@app.command("list", epilog="Example: quantum executions list --intent deploy --status failed")
def list_(
    context: typer.Context,
    *,
    intent: Annotated[
        str | None, typer.Option(help="Its name, or the id of a version.", autocompletion=completing.intents)
    ] = None,
    status: Annotated[str | None, typer.Option(help="running, waiting, completed, failed, …")] = None,
    since: Annotated[str | None, typer.Option(help="Created at or after, as 2024-01-04T10:00:00Z.")] = None,
    until: Annotated[str | None, typer.Option(help="Created before.")] = None,
    parent: Annotated[str | None, typer.Option(help="Only what this execution has started.")] = None,
    dry_run: Annotated[
        bool | None, typer.Option("--dry-runs/--no-dry-runs", help="Only dry runs, or none of them.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    output: Output = Format.TABLE,
) -> None:
    """List executions, the newest first."""

    async def find(client: "Client") -> list[dict[str, Any]]:
        asked: Any = {"intent": intent, "status": status, "since": since, "until": until}
        asked |= {"parent": parent, "dry_run": dry_run}
        found = client.executions.list(**asked, limit=min(limit, 200))
        return await first(limit, found)

    show(run(context, find), output, COLUMNS)


@app.command(epilog="Example: quantum executions get 01HKAJ5W1QZ5M5V7YB4W6N8T2C")
def get(context: typer.Context, execution: Id, output: Output = Format.TABLE) -> None:
    """How an execution stands, with each step."""

    async def read(client: "Client") -> dict[str, Any]:
        return (await client.executions.get(execution)).model_dump(mode="json", by_alias=True)

    found = run(context, read)
    if output is not Format.TABLE:
        show(found, output, COLUMNS)
        return
    more = {"ERROR": field("error", "message")} if found["error"] else {}
    detail(found, output, COLUMNS | more | ({"OUTPUTS": field("outputs")} if found["outputs"] else {}))
    print()
    show(found["steps"], output, STEP_COLUMNS)


@app.command(epilog="Example: quantum executions watch 01HKAJ5W1QZ5M5V7YB4W6N8T2C")
def watch(context: typer.Context, execution: Id) -> None:
    """Follow an execution to its end. Ctrl-C detaches; the execution goes on."""
    watching.watch(context, execution)


@app.command(epilog="Example: quantum executions events 01HKAJ5W1QZ5M5V7YB4W6N8T2C -o json")
def events(
    context: typer.Context,
    execution: Id,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Until it ends; else what there is.")
    ] = False,
    output: Output = Format.TABLE,
) -> None:
    """What has happened in an execution; as JSON, an event a line."""
    import json

    def tell(event: dict[str, Any]) -> None:
        print(
            json.dumps(event, ensure_ascii=False) if output is Format.JSON else watching.line(event),
            flush=True,
        )

    async def read(client: "Client") -> None:
        there = watching.events_of(execution)
        cursor: str | None = None
        while not follow:
            page = await client.get(there, params={"limit": 200} | ({"cursor": cursor} if cursor else {}))
            for event in page["items"]:
                tell(event)
            cursor = page["next_cursor"]
            if cursor is None:
                return
        async for event in client.stream(there):
            tell(event)

    run(context, read, quiet=follow)


def _steering(verb: Literal["cancel", "pause", "resume", "terminate"], *, help: str, example: str) -> None:
    """A command that does the same to one execution, to some or to many."""

    @app.command(verb, help=help, epilog=f"Example: quantum executions {example}")
    def _(
        context: typer.Context,
        executions: bulk.Ids = None,
        *,
        intent: bulk.Intent = None,
        status: bulk.Status = None,
        parent: bulk.Parent = None,
        since: bulk.Since = None,
        until: bulk.Until = None,
        everything: bulk.All = False,
        yes: bulk.Yes = False,
        reason: Reason = None,
    ) -> None:
        meant = bulk.chosen(intent=intent, status=status, parent=parent, since=since, until=until)
        if bulk.one_or_many(executions, meant, everything=everything):
            bulk.do(context, verb, meant, everything=everything, yes=yes, reason=reason)
            return

        async def one_of(client: "Client", execution: str) -> str:
            steer = getattr(client.executions, verb)
            return f"{execution} {(await steer(execution, reason=reason)).status}"

        each(context, inputs.ids(executions or ()), one_of)


_steering(
    "cancel",
    help="End executions; what they have completed is undone where it says how.",
    example="cancel --intent deploy --reason 'the release is withdrawn'",
)
_steering(
    "terminate",
    help="End executions at once; nothing is undone.",
    example="terminate 01HKAJ5W1QZ5M5V7YB4W6N8T2C --reason 'it hangs'",
)
_steering("pause", help="Let no further step begin.", example="pause --all --reason maintenance --yes")
_steering(
    "resume",
    help="Have what is paused go on.",
    example="list --status paused -o ids | quantum executions resume -",
)


@app.command(epilog="Example: quantum executions retry 01HKAJ5W1QZ5M5V7YB4W6N8T2C --from build --watch")
def retry(
    context: typer.Context,
    executions: bulk.Ids = None,
    *,
    steps: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="STEP", help="Run it again although it ended well. Repeat it."),
    ] = None,
    repeat_irreversible: Annotated[bool, typer.Option(help="Also what cannot be undone.")] = False,
    intent: bulk.Intent = None,
    status: bulk.Status = None,
    parent: bulk.Parent = None,
    since: bulk.Since = None,
    until: bulk.Until = None,
    everything: bulk.All = False,
    yes: bulk.Yes = False,
    reason: Reason = None,
    watch: Watch = False,
) -> None:
    """Run again what did not end well, as new executions; what did is kept."""
    meant = bulk.chosen(intent=intent, status=status, parent=parent, since=since, until=until)
    if bulk.one_or_many(executions, meant, everything=everything):
        if steps or repeat_irreversible or watch:
            fail("--from, --repeat-irreversible and --watch are for executions by their ids", Exit.USAGE)
        bulk.do(context, "retry", meant, everything=everything, yes=yes, reason=reason)
        return

    async def begin(client: "Client", execution: str) -> str:
        repeat: Literal[True] | None = True if repeat_irreversible else None
        retried = await client.executions.retry(
            execution, steps=steps, repeat_irreversible=repeat, reason=reason
        )
        return retried.execution_id

    ids = inputs.ids(executions or ())
    if not watch:
        each(context, ids, begin)
    elif len(ids) == 1:
        watching.watch(context, run(context, lambda client: begin(client, ids[0])))
    else:
        fail("only one execution can be watched", Exit.USAGE)


@app.command("step", epilog="Example: quantum executions step 01HKAJ5W1QZ5M5V7YB4W6N8T2C build")
def step_(
    context: typer.Context, execution: Id, step: StepOf, *, item: Item = None, output: Output = Format.TABLE
) -> None:
    """A step of an execution in detail: what its action was given, and every attempt."""
    read = run(context, lambda client: client.executions.step(execution, step, item=item))
    found = read.model_dump(mode="json", by_alias=True)
    if output is not Format.TABLE:
        show(found, output, {"STEP": field("step")})
        return
    told: Columns = {"STEP": field("step"), "ACTION": field("action"), "STATUS": field("status")}
    told = {**told, "GIVEN": field("inputs"), "CAME TO": field("outputs"), "ERROR": field("error", "message")}
    detail(found, output, told)
    print()
    show([*found["attempts"], *({**one, "undoing": True} for one in found["undoing"])], output, ATTEMPTS)


@app.command(epilog="Example: quantum executions outputs 01HKAJ5W1QZ5M5V7YB4W6N8T2C build")
def outputs(
    context: typer.Context,
    execution: Id,
    step: Annotated[
        str | None,
        typer.Argument(help="One of its steps; left out: all of it.", autocompletion=completing.steps),
    ] = None,
    *,
    item: Item = None,
    output: Annotated[Format, typer.Option("--output", "-o", help="json or yaml.")] = Format.JSON,
) -> None:
    """What an execution, or one of its steps, came to: whole, however large."""
    found = run(context, lambda client: client.executions.outputs(execution, step, item=item))
    show(found, Format.YAML if output is Format.YAML else Format.JSON, COLUMNS)


@app.command(
    epilog="Example: quantum executions approve 01HKAJ5W1QZ5M5V7YB4W6N8T2C --comment 'tests are green'"
)
def approve(context: typer.Context, execution: Id, step: Step = None, comment: Comment = None) -> None:
    """Approve what a step asks for."""
    _decide(context, execution, step, comment, approve=True)


@app.command(
    epilog="Example: quantum executions reject 01HKAJ5W1QZ5M5V7YB4W6N8T2C --comment 'not on a Friday'"
)
def reject(context: typer.Context, execution: Id, step: Step = None, comment: Comment = None) -> None:
    """Reject it."""
    _decide(context, execution, step, comment, approve=False)


@app.command(epilog="Example: quantum executions approvals --mine")
def approvals(
    context: typer.Context,
    *,
    mine: Annotated[bool, typer.Option("--mine", help="Only what waits for a word of yours.")] = False,
    intent: Annotated[str | None, typer.Option(help="Its name, or the id of a version.")] = None,
    status: Annotated[str | None, typer.Option(help="approved, rejected or withdrawn.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    output: Output = Format.TABLE,
) -> None:
    """What waits for people in the tenant, the longest wait first; with a status, what they decided."""

    async def find(client: "Client") -> list[dict[str, Any]]:
        asked: Any = {"mine": mine or None, "intent": intent, "status": status}
        return await first(limit, client.approvals.list(**asked, limit=min(limit, 200)))

    show(run(context, find), output, APPROVAL_COLUMNS)


def started(context: typer.Context, execution: str, *, watch: bool) -> None:
    """Print the id of what was started, or follow it."""
    if not watch:
        print(execution)
        return
    watching.watch(context, execution)


async def first(limit: int, found: Any) -> list[dict[str, Any]]:
    """As many of a listing as are wanted."""
    shown: list[dict[str, Any]] = []
    async for one in found:
        shown.append(one.model_dump(mode="json", by_alias=True))
        if len(shown) == limit:
            break
    return shown


def _decide(
    context: typer.Context, execution: str, step: str | None, comment: str | None, *, approve: bool
) -> None:
    async def decide(client: "Client") -> str:
        asking = step or await _asking(client, execution)
        say = client.approvals.approve if approve else client.approvals.reject
        decided = await say(execution, asking, comment=comment)
        return f"{execution} {asking} {decided.approval.status}"

    print(run(context, decide))


async def _asking(client: "Client", execution: str) -> str:
    steps = (await client.executions.get(execution)).steps
    asking = [step.id for step in steps if step.approval and step.approval.status == "waiting"]
    if len(asking) != 1:
        which = ", ".join(asking) or "none"
        fail(f"name the step of {execution}: those that ask now are: {which}", Exit.CONFLICT)
    return asking[0]


def _waiting(step: dict[str, Any]) -> str:
    return ", ".join(map(waits_for, step["waiting"]))
