"""Profiles: several platforms, or several ways to use one."""

from dataclasses import asdict
from typing import Annotated

import typer

from quantum.cli import completing, profiles
from quantum.cli.exits import Exit
from quantum.cli.output import Format, Output, field, show
from quantum.cli.session import fail, of

app = typer.Typer(no_args_is_help=True, help="Which platform is meant.")
Name = Annotated[str, typer.Argument(help="Of the profile.", autocompletion=completing.named_profiles)]


@app.command("list", epilog="Example: quantum profile list")
def list_(context: typer.Context, output: Output = Format.TABLE) -> None:
    """The profiles that there are. `quantum login URL --as NAME` makes one."""
    known = profiles.load(profiles.folder())
    used = of(context).name
    shown = [
        {"name": name, **asdict(profile), "in_use": name == used} for name, profile in known.named.items()
    ]
    columns = {"NAME": field("name"), "PLATFORM": field("url"), "TENANT": field("tenant")}
    show(shown, output, columns | {"IN USE": field("in_use")})


@app.command(epilog="Example: quantum profile use production")
def use(name: Name) -> None:
    """Mean this profile from now on."""
    known = _with(name)
    profiles.save(profiles.folder(), profiles.Profiles(name, known.named))
    print(f"{name} is meant from now on: {known.get(name).url}")


@app.command(epilog="Example: quantum profile delete old")
def delete(name: Name) -> None:
    """Forget a profile; who is signed in stays so: `quantum --profile NAME logout` comes before."""
    profiles.save(profiles.folder(), _with(name).without(name))
    print(f"{name} is forgotten")


def _with(name: str) -> profiles.Profiles:
    known = profiles.load(profiles.folder())
    if name not in known.named:
        fail(f"there is no profile {name!r}: quantum profile list", Exit.NOT_FOUND)
    return known
