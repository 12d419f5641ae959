"""Intents: what should happen."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quantum.cli import applying, asking, completing, inputs, terminal
from quantum.cli.commands.executions import first, started
from quantum.cli.exits import Exit
from quantum.cli.output import Format, Output, as_yaml, detail, field, joined, moment, show
from quantum.cli.session import each, fail, run

if TYPE_CHECKING:  # loaded when it is needed
    from quantum.client import Client

app = typer.Typer(no_args_is_help=True, help="What should happen.")
Name = Annotated[str, typer.Argument(help="Of the intent.", autocompletion=completing.intents)]
Id = Annotated[
    str,
    typer.Argument(
        help="A name, or the id of a version such as deploy-v2.", autocompletion=completing.intents
    ),
]
Many = Annotated[
    list[str],
    typer.Argument(
        help="One or more; `-` reads them from standard input.", autocompletion=completing.intents
    ),
]
Files = Annotated[
    list[Path], typer.Option("--file", "-f", help="A file or a folder; `-`: standard input. Repeat it.")
]
BLUEPRINTS = Path(__file__).parents[1] / "blueprints"
COLUMNS = {
    "ID": field("id"),
    "STATUS": field("status"),
    "LABELS": joined("labels"),
    "UPDATED": moment("updated_at"),
    "BY": field("created_by"),
    "DESCRIPTION": field("description"),
}
PLAN_COLUMNS = {
    "STEP": field("id"),
    "ACTION": field("action"),
    "WHERE": field("where"),
    "EFFECT": field("side_effect"),
    "AFTER": joined("depends_on"),
    "FOR EACH OF": lambda node: _items(node["foreach"]),
    "WHEN": field("when"),
}


@app.command(epilog="Example: quantum intents init deploy-web-app > deploy.yaml")
def init(
    blueprint: Annotated[
        str | None,
        typer.Argument(
            help="Its name; left out: which there are.", autocompletion=lambda: list(_blueprints())
        ),
    ] = None,
) -> None:
    """Print an intent to begin with, made for what people often do."""
    there = _blueprints()
    if blueprint is None:
        for name, text in there.items():
            print(f"{name:16}  {text.splitlines()[0].removeprefix('# ')}")
    elif blueprint in there:
        print(there[blueprint], end="")
    else:
        fail(f"there is no blueprint {blueprint!r}: quantum intents init", Exit.NOT_FOUND)


@app.command(epilog="Example: quantum intents validate deploy.yaml")
def validate(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Files or folders; `-` is standard input.")],
) -> None:
    """Say all that is wrong with intents, and store nothing."""
    given = [(path, document) for path in inputs.files(files) for document in inputs.documents(path)]

    async def look(client: "Client") -> list[Any]:
        return await inputs.side_by_side("validating", given, lambda one: applying.look(client, one[1]))

    names = {str(document.get("name")) for _, document in given}
    wrong = False
    for (path, document), report in zip(given, run(context, look, quiet=True), strict=True):
        name = f"{path} ({document['name']})" if document.get("name") else str(path)
        errors = [one for one in report.errors if not applying.made_before(document, one, names)]
        terminal.say(f"{'✗' if errors else '✓'} {name}", "red" if errors else "green")
        for mark, places in (("error", errors), ("advice", report.warnings)):
            for place in places:
                print(f"  {mark} {place.pointer or '/'}: {place.message}")
        wrong |= bool(errors)
    if wrong:
        raise typer.Exit(Exit.USAGE)


@app.command(epilog="Example: quantum intents apply -f intents/ --yes")
def apply(
    context: typer.Context,
    files: Files,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
    plan_only: Annotated[bool, typer.Option("--plan", help="Only show what would change.")] = False,
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="What the new versions are about.")
    ] = None,
) -> None:
    """Have the platform's intents be as files say: shows what would change, asks, and does it."""
    documents = [document for path in inputs.files(files) for document in inputs.documents(path)]
    changes = run(context, lambda client: applying.plan(client, documents), quiet=True)
    for change in changes:
        for line in change.told().splitlines():
            terminal.say(line, applying.colour(line))
    if changes[1:]:
        print(applying.counted(changes))
    if applying.refused(changes):
        raise typer.Exit(Exit.USAGE)
    todo = [change for change in changes if change.verb != "unchanged"]
    if plan_only or not todo:
        return
    if not yes:
        asking.confirm(f"Change {len(todo)} intent{'s' if todo[1:] else ''}?")
    run(context, lambda client: applying.apply(client, todo, message), quiet=True)


@app.command("list", epilog="Example: quantum intents list -q deploy --label team:web")
def list_(
    context: typer.Context,
    *,
    q: Annotated[
        str | None, typer.Option("--query", "-q", help="Words that must all be somewhere in it.")
    ] = None,
    status: Annotated[str | None, typer.Option(help="draft, active, deprecated or archived.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="KEY:VALUE. Repeat it.")] = None,
    action: Annotated[str | None, typer.Option(help="Only those that use it.")] = None,
    created_by: Annotated[str | None, typer.Option(help="Only those made by, as ada@acme.")] = None,
    updated_since: Annotated[
        str | None, typer.Option(help="Changed at or after, as 2024-01-04T10:00:00Z.")
    ] = None,
    sort: Annotated[
        str, typer.Option(help="name, created_at or updated_at; with - before it, turned round.")
    ] = "name",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    output: Output = Format.TABLE,
) -> None:
    """List and search intents."""

    async def find(client: "Client") -> list[dict[str, Any]]:
        asked: Any = {"q": q, "status": status, "label": label, "action": action, "sort": sort}
        asked |= {"created_by": created_by, "updated_since": updated_since}
        return await first(limit, client.intents.list(**asked, limit=min(limit, 200)))

    show(run(context, find), output, COLUMNS)


@app.command(epilog="Example: quantum intents get deploy -o yaml")
def get(context: typer.Context, intent: Id, output: Output = Format.TABLE) -> None:
    """An intent with its definition."""

    async def read(client: "Client") -> dict[str, Any]:
        return (await client.intents.get(intent)).model_dump(mode="json", exclude_unset=True)

    found = run(context, read)
    detail(found, output, COLUMNS)
    if output is Format.TABLE:
        print(f"\n{as_yaml(found['definition'])}", end="")


@app.command(epilog="Example: quantum intents versions deploy")
def versions(context: typer.Context, name: Name, output: Output = Format.TABLE) -> None:
    """The history of an intent, newest first."""

    async def read(client: "Client") -> list[dict[str, Any]]:
        return [one.model_dump(mode="json") async for one in client.intents.versions(name)]

    columns = {"ID": field("id"), "STATE": field("state"), "CREATED": moment("created_at")}
    show(run(context, read), output, columns | {"BY": field("created_by"), "MESSAGE": field("message")})


@app.command(epilog="Example: quantum intents diff deploy --from 1 --to 3")
def diff(
    context: typer.Context,
    name: Name,
    *,
    old: Annotated[int | None, typer.Option("--from", min=1, help="The version before.")] = None,
    new: Annotated[
        int | None, typer.Option("--to", min=1, help="The version after; the latest if left out.")
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """What changed between two versions of an intent, in words; as JSON or YAML, with a JSON Patch."""

    async def read(client: "Client") -> dict[str, Any]:
        found = await client.intents.diff(name, old=old, new=new)
        return found.model_dump(mode="json", by_alias=True, exclude_none=True)

    found = run(context, read)
    if output is Format.TABLE:
        print(f"{name}, version {found['from']} to {found['to']}\n{found['text'] or 'nothing changed'}")
    else:
        show(found, output, {"NAME": field("name")})


@app.command(epilog="Example: quantum intents rollback deploy 2 -m 'version 3 was too slow'")
def rollback(
    context: typer.Context,
    name: Name,
    version: Annotated[int, typer.Argument(min=1, help="The version that it shall be again.")],
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="What the new version is about.")
    ] = None,
) -> None:
    """Make an intent what it was, as a new version."""
    print(run(context, lambda client: client.intents.rollback(name, version, message=message)).id)


@app.command("set", epilog="Example: quantum intents set deploy --status deprecated --successor release")
def patch(
    context: typer.Context,
    name: Name,
    *,
    status: Annotated[str | None, typer.Option(help="draft, active, deprecated or archived.")] = None,
    successor: Annotated[
        str | None, typer.Option(help="Of a deprecated one: what is to be executed instead.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="KEY:VALUE; KEY: alone takes it away. Repeat it.")
    ] = None,
    version: Annotated[
        int | None, typer.Option(min=1, help="The version that its name means from now on.")
    ] = None,
) -> None:
    """Change what is said of an intent; its definition stays."""
    changes: dict[str, Any] = {"status": status, "successor": successor, "description": description}
    changes |= {"active_version": version, "labels": dict(map(_label, label)) if label else None}
    changes = {key: value for key, value in changes.items() if value is not None}
    if not changes:
        fail("nothing to change was said: --status, --label, --description, …", Exit.USAGE)
    stored = run(context, lambda client: client.intents.patch(name, changes))
    print(f"{stored.id} {stored.status}")


@app.command(epilog="Example: quantum intents schema > intent.schema.json")
def schema(context: typer.Context) -> None:
    """The JSON Schema of intents with the actions that there are here, for editors."""
    import json

    print(json.dumps(run(context, lambda client: client.intents.schema()), indent=2, ensure_ascii=False))


@app.command(epilog="Example: quantum intents list --label old:true -o ids | quantum intents archive -")
def archive(context: typer.Context, intents: Many) -> None:
    """Retire intents; what runs of them goes on."""

    async def one_of(client: "Client", intent: str) -> str:
        name = (await client.intents.get(intent)).name
        await client.intents.archive(name)
        return f"{name} archived"

    each(context, inputs.ids(intents), one_of)


def plan(
    context: typer.Context,
    intent: Id,
    *,
    values: inputs.Set = None,
    file: inputs.SetFile = None,
    output: Output = Format.TABLE,
) -> None:
    """What executing an intent would do, before anything is done. Status 1: it would be refused."""
    given = inputs.parameters(values, file)

    async def read(client: "Client") -> dict[str, Any]:
        fit = await inputs.fitting(client, intent, values, given)
        return (await client.intents.plan(intent, fit)).model_dump(mode="json", by_alias=True)

    found = run(context, read)
    if output is Format.TABLE:
        show(found["graph"]["nodes"], output, PLAN_COLUMNS)
        for mark, places in (("refused", found["blockers"]), ("advice", found["warnings"])):
            for place in places:
                print(f"{mark}: {place['pointer']}: {place['message']}")
        print(f"\nTo execute exactly this: quantum execute {found['intent_id']} --plan {found['plan_hash']}")
    else:
        show(found, output, {"PLAN": field("plan_hash")})
    if found["blockers"]:
        raise typer.Exit(Exit.FAILED)


def execute(
    context: typer.Context,
    intent: Id,
    *,
    values: inputs.Set = None,
    file: inputs.SetFile = None,
    plan: Annotated[str | None, typer.Option(help="Only if it is still this plan, by its hash.")] = None,
    key: Annotated[
        str | None, typer.Option(help="Of your own: the same is one execution, however often.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow it to its end.")] = False,
) -> None:
    """Execute an intent, and print the execution's id or follow it."""
    given = inputs.parameters(values, file)

    async def begin(client: "Client") -> str:
        fit = await inputs.fitting(client, intent, values, given)
        begun = await client.intents.execute(intent, fit, plan_hash=plan, idempotency_key=key)
        return begun.execution_id

    started(context, run(context, begin), watch=watch)


def dry_run(
    context: typer.Context,
    intent: Id,
    *,
    values: inputs.Set = None,
    file: inputs.SetFile = None,
    output: Output = Format.TABLE,
) -> None:
    """Walk through an intent with every decision, do nothing, and say what each step would do."""
    given = inputs.parameters(values, file)

    async def walk(client: "Client") -> dict[str, Any]:
        fit = await inputs.fitting(client, intent, values, given)
        begun = await client.intents.execute(intent, fit, dry_run=True)
        ended = await client.executions.wait(begun.execution_id)
        return ended.model_dump(mode="json", by_alias=True)

    found = run(context, walk)
    columns = {
        "STEP": field("id"),
        "ACTION": field("action"),
        "STATUS": field("status"),
        "WOULD": field("would"),
    }
    show(found["steps"] if output is Format.TABLE else found, output, columns)
    if found["status"] != "completed":
        print(f"it would have {found['status']}: {(found['error'] or {}).get('message')}")
        raise typer.Exit(Exit.FAILED)


def _blueprints() -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(BLUEPRINTS.glob("*.yaml"))}


def _items(foreach: dict[str, Any] | None) -> str | None:
    """Of a planned step that is run for a list: how many that has, or what yields it."""
    if foreach is None:
        return None
    items = foreach["items"]
    return f"{len(items)} items" if isinstance(items, list) else str(items)


def _label(said: str) -> tuple[str, str | None]:
    key, colon, value = said.partition(":")
    if not key or not colon:
        fail(f"{said!r} is no label: write KEY:VALUE", Exit.USAGE)
    return key, value or None
