"""Tenants: which of yours is meant, how one is set up, and what the platform's administrators do."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quantum.cli import asking, completing, inputs, profiles
from quantum.cli.commands.executions import first
from quantum.cli.commands.kept import Limit, show_one
from quantum.cli.exits import Exit
from quantum.cli.lines import write_lines
from quantum.cli.output import Columns, Format, Output, field, joined, moment, show
from quantum.cli.session import fail, of, run

if TYPE_CHECKING:  # loaded when it is needed
    from quantum.client import Client

app = typer.Typer(no_args_is_help=True, help="Which tenant is meant, and how it is set up.")
Id = Annotated[str, typer.Argument(help="Of the tenant.", autocompletion=completing.tenants)]
Mine = Annotated[str | None, typer.Argument(help="Of the tenant; left out: the one that is meant.")]
Why = Annotated[str, typer.Option(help="Why; its members are told.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--setting",
        "-s",
        metavar="NAME=VALUE",
        help="As max_concurrent_executions=20, quotas.intents=100 or rate_limits.hour=null. Repeat it.",
    ),
]
SettingsFile = Annotated[Path | None, typer.Option("--settings", metavar="FILE", help="As JSON or YAML.")]
COLUMNS: Columns = {"TENANT": field("id"), "STATUS": field("status"), "CREATED": moment("created_at")}
COLUMNS = {**COLUMNS, "CHANGED": moment("changed_at")}
YOURS = {"TENANT": field("id"), "YOU": field("user"), "ROLES": joined("roles")}
USED = {"OF": field("of"), "USED": field("used"), "LIMIT": field("limit"), "RESETS": moment("resets_at")}


@app.command("list", epilog="Example: quantum tenant list")
def list_(
    context: typer.Context,
    *,
    everyone: Annotated[bool, typer.Option("--all", help="Of the platform, for its administrators.")] = False,
    status: Annotated[
        str | None, typer.Option(help="With --all: active, suspended, erasing or erased.")
    ] = None,
    limit: Limit = 100,
    output: Output = Format.TABLE,
) -> None:
    """The tenants that you are a member of."""
    if everyone:
        asked: Any = {"status": status, "limit": min(limit, 200)}
        show(run(context, lambda client: first(limit, client.tenants.list(**asked))), output, COLUMNS)
        return
    me = run(context, whoever)
    used = of(context).profile.tenant or me["tenant_id"]
    show(me["tenants"], output, YOURS | {"IN USE": lambda one: one["id"] == used})


@app.command(epilog="Example: quantum tenant use acme")
def use(context: typer.Context, name: Id) -> None:
    """Mean this tenant from now on, in this profile."""
    began = of(context)
    mine = [one["id"] for one in run(context, whoever)["tenants"]]
    if name not in mine:
        fail(f"you are no member of {name!r}; you are of: {', '.join(mine) or 'none'}", Exit.NOT_FOUND)
    known = profiles.load(profiles.folder())
    changed = replace(known.get(began.name), url=began.profile.url, tenant=name)
    profiles.save(profiles.folder(), known.put(began.name, changed))
    print(f"{name} is meant from now on")


@app.command(epilog="Example: quantum tenant get acme -o json")
def get(context: typer.Context, tenant: Mine = None, output: Output = Format.TABLE) -> None:
    """A tenant with its settings, and what they may be at most."""

    async def read(client: "Client") -> Any:
        return await client.tenants.get(await _meant(client, tenant))

    show_one(run(context, read), output, COLUMNS)


@app.command(epilog="Example: quantum tenant usage")
def usage(context: typer.Context, tenant: Mine = None, output: Output = Format.TABLE) -> None:
    """How much a tenant uses of what it may."""

    async def read(client: "Client") -> dict[str, Any]:
        found = await client.tenants.usage(await _meant(client, tenant))
        return found.model_dump(mode="json")

    found = run(context, read)
    if output in {Format.JSON, Format.YAML}:
        show(found, output, USED)
        return
    rows = [{"of": "concurrent executions", **found["max_concurrent_executions"]}]
    rows += [{"of": f"requests, {name}", **spent} for name, spent in found["rate_limits"].items()]
    rows += [{"of": name, **used} for name, used in found["quotas"].items()]
    show(rows, output, USED)


@app.command("set", epilog="Example: quantum tenant set acme -s max_concurrent_executions=20")
def put(
    context: typer.Context, tenant: Mine = None, *, settings: Settings = None, file: SettingsFile = None
) -> None:
    """Change settings of a tenant; what is not named stays, and `null` puts one back to nothing."""
    wanted = _settings(settings, file)

    async def store(client: "Client") -> Any:
        return await client.tenants.configure(await _meant(client, tenant), wanted)

    stored = run(context, store)
    print(f"{stored.id} has other settings from now on: {', '.join(wanted)}")


@app.command(epilog="Example: quantum tenant create acme --user ada --issuer urn:quantum:local --subject ada")
def create(
    context: typer.Context,
    tenant: Id,
    *,
    user: Annotated[str, typer.Option(help="The name of its first member, who administers it.")],
    issuer: Annotated[str, typer.Option(help="The `iss` of that member's tokens.")],
    subject: Annotated[str, typer.Option(help="The `sub` of its tokens (Entra ID: `oid`).")],
) -> None:
    """Make a tenant with its first member. For the platform's administrators."""
    first_member = {"user": user, "issuer": issuer, "subject": subject}
    made = run(context, lambda client: client.tenants.create(tenant, administrator=first_member))
    print(f"{made.id} is {made.status}, and {user} administers it")


@app.command(
    epilog="Example: quantum tenant allow acme -s quotas.intents=500 -s max_concurrent_executions=50"
)
def allow(
    context: typer.Context, tenant: Id, *, settings: Settings = None, file: SettingsFile = None
) -> None:
    """Say what a tenant's settings may be at most; what is not named is as the operator says for all."""
    wanted = _settings(settings, file)
    run(context, lambda client: client.tenants.allow(tenant, wanted))
    print(f"{tenant} may have at most: {', '.join(wanted)}")


@app.command(epilog="Example: quantum tenant suspend acme --reason 'the contract has ended'")
def suspend(context: typer.Context, tenant: Id, *, reason: Why) -> None:
    """Do nothing for a tenant's members until it is resumed."""
    print(f"{tenant} is {run(context, lambda client: client.tenants.suspend(tenant, reason)).status}")


@app.command(epilog="Example: quantum tenant resume acme --reason 'there is a new contract'")
def resume(context: typer.Context, tenant: Id, *, reason: Why) -> None:
    """Serve a tenant's members again."""
    print(f"{tenant} is {run(context, lambda client: client.tenants.resume(tenant, reason)).status}")


@app.command(epilog="Example: quantum tenant export acme acme.ndjson")
def export(
    context: typer.Context,
    tenant: Id,
    file: Annotated[Path, typer.Argument(help="To write; `-` is standard output.")],
) -> None:
    """Export all that a tenant has, as lines of JSON."""
    write_lines(context, file, lambda client: client.tenants.export(tenant))


@app.command(epilog="Example: quantum tenant erase acme")
def erase(
    context: typer.Context,
    tenant: Id,
    *,
    confirm: Annotated[
        str | None, typer.Option(metavar="ID", help="Its id once more, without asking.")
    ] = None,
) -> None:
    """Delete all that a suspended tenant has, for good; its id must be typed."""

    async def look(client: "Client") -> tuple[str, str]:
        return (await client.tenants.get(tenant)).status, await client.tenants.etag(tenant)

    status, seen = run(context, look)
    if status != "suspended":
        fail(
            f"{tenant} is {status}: only a suspended tenant can be erased: quantum tenant suspend",
            Exit.CONFLICT,
        )
    asking.confirm_by_name(f"All of {tenant} is deleted, for good", tenant, confirm)
    print(f"{tenant} is {run(context, lambda client: client.tenants.erase(tenant, if_match=seen)).status}")


async def whoever(client: "Client") -> dict[str, Any]:
    """Who asks."""
    return (await client.members.me()).model_dump(mode="json")


async def _meant(client: "Client", tenant: str | None) -> str:
    found = tenant or client.tenant or (await whoever(client))["tenant_id"]
    return str(found or fail("which tenant is meant? quantum tenant list", Exit.USAGE))


def _settings(given: list[str] | None, file: Path | None) -> dict[str, Any]:
    """Settings by their names, of which those within another have a dot."""
    wanted: dict[str, Any] = {}
    for name, value in inputs.parameters(given, file).items():
        outer, dot, inner = name.partition(".")
        if dot:
            wanted[outer] = (wanted.get(outer) or {}) | {inner: value}
        else:
            wanted[outer] = value
    if not wanted:
        fail("which settings? --setting NAME=VALUE, or --settings FILE", Exit.USAGE)
    return wanted
