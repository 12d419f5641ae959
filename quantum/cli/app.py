"""All commands, and the options before them."""

from typing import Annotated

import typer

from quantum.cli import completing
from quantum.cli.commands import (
    audit,
    contexts,
    executions,
    intents,
    local,
    members,
    modules,
    platform,
    policies,
    profile,
    schedules,
    secrets,
    sign_in,
    subscriptions,
    tenants,
)
from quantum.cli.exits import Exit
from quantum.cli.session import Session

EXITS = (
    "Exit status: 0 it is done, 1 an execution failed or the platform could not be asked, 2 the command or a "
    "file is wrong, 3 sign in, or you may not, 4 not found, 5 conflict, 130 interrupted."
)
app = typer.Typer(
    name="quantum",
    help="Say what should happen, and see it happen.",
    epilog=EXITS,
    pretty_exceptions_show_locals=False,  # they may have a token in them
    context_settings={"help_option_names": ["--help", "-h"]},
)


@app.callback(invoke_without_command=True)
def begin(
    context: typer.Context,
    profile: Annotated[
        str | None,
        typer.Option(
            envvar="QUANTUM_PROFILE",
            help="The profile that is meant.",
            autocompletion=completing.named_profiles,
        ),
    ] = None,
    url: Annotated[
        str | None, typer.Option(envvar="QUANTUM_URL", help="The platform, for this once.")
    ] = None,
    tenant: Annotated[
        str | None, typer.Option(envvar="QUANTUM_TENANT", help="The tenant, for this once.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="The release of this command and of the platform, and no more.")
    ] = False,
) -> None:
    """Say what should happen, and see it happen."""
    if context.resilient_parsing:
        return
    context.obj = Session.begin(profile=profile, url=url, tenant=tenant)
    if version:
        platform.version(context.obj)
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(Exit.USAGE)


RUN, SEE, WHO, HERE = "Run", "Resources", "Who and where", "On this machine"
app.command(rich_help_panel=RUN, epilog="Example: quantum plan deploy -p region=westus")(intents.plan)
app.command(rich_help_panel=RUN, epilog="Example: quantum execute deploy -p replicas=3 --watch")(
    intents.execute
)
app.command("dry-run", rich_help_panel=RUN, epilog="Example: quantum dry-run deploy")(intents.dry_run)
for noun in (
    intents,
    executions,
    schedules,
    secrets,
    members,
    policies,
    modules,
    subscriptions,
    contexts,
    audit,
):
    app.add_typer(noun.app, name=noun.__name__.rpartition(".")[2], rich_help_panel=SEE)
app.command(rich_help_panel=WHO, epilog="Example: quantum login http://127.0.0.1:7071")(sign_in.login)
app.command(rich_help_panel=WHO, epilog="Example: quantum logout")(sign_in.logout)
app.command(rich_help_panel=WHO, epilog="Example: quantum whoami -o json")(sign_in.whoami)
for started, example in (
    (local.up, "quantum up --port 7071"),
    (local.token, "quantum token --tenant acme --user ada --role admin"),
    (local.demo, "quantum demo"),
):
    app.command(rich_help_panel=HERE, context_settings=local.PASS, epilog=f"Example: {example}")(started)
app.add_typer(tenants.app, name="tenant", rich_help_panel=WHO)
app.command(rich_help_panel=WHO, epilog="Example: quantum health")(platform.health)
app.command(rich_help_panel=SEE, epilog="Example: quantum stats --since 2024-01-01")(platform.stats)
app.add_typer(profile.app, name="profile", rich_help_panel=WHO)
