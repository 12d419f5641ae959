"""The local host, which comes with a clone of the platform."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from quantum.cli.exits import Exit
from quantum.cli.session import fail

PASS = {"allow_extra_args": True, "ignore_unknown_options": True}
"""What more stands behind these commands is the local host's own."""
Data = Annotated[
    Path | None, typer.Option(help="The folder with all that it keeps; left out: .quantum in the clone.")
]


def up(
    context: typer.Context,
    *,
    port: Annotated[
        int, typer.Option(help="Where it listens, on this machine alone; 0 takes a free one.")
    ] = 7071,
    admin: Annotated[
        str, typer.Option(metavar="USER@TENANT", help="Made, with the tenant, where nobody signs in yet.")
    ] = "ada@acme",
    data: Data = None,
) -> None:
    """Serve the platform on this machine. Ctrl-C stops it; what runs goes on when it is served again.

    Images are built from the folders in QUANTUM_CONTEXTS; left out: from examples/webapp of the clone.
    """
    _become("up", "localhost", ["serve", "--port", str(port), "--admin", admin], context.args, data)


def token(
    context: typer.Context,
    *,
    tenant: Annotated[str, typer.Option(help="Made if it is new.")] = "acme",
    user: Annotated[str, typer.Option(help="Made a member if it is new.")] = "ada",
    role: Annotated[
        str, typer.Option(help="viewer, author, operator, approver, auditor or admin.")
    ] = "admin",
    data: Data = None,
) -> None:
    """Print a bearer token for the platform on this machine."""
    words = ["token", "--tenant", tenant, "--user", user, "--role", role]
    _become("token", "localhost", words, context.args, data)


def demo(context: typer.Context) -> None:
    """See the platform build, push and deploy a web app on this machine."""
    _become("demo", "examples.demo", [], context.args, None)


def clone(place: Path) -> Path | None:
    """The clone of the platform that a folder is in; else the one that this command comes from."""
    for folder in (place, *place.parents):
        if (folder / "function_app.py").is_file() and (folder / "localhost" / "__main__.py").is_file():
            return folder
    found = importlib.util.find_spec("localhost")
    return Path(found.origin).parents[1] if found and found.origin else None


def _become(
    command: str, module: str, words: Sequence[str], more: Sequence[str], data: Path | None
) -> NoReturn:
    root = clone(Path.cwd())
    if root is None:
        fail(
            f"quantum {command} serves a clone of the platform, and this folder is in none: "
            "clone it, type 'make setup' there, and then this again",
            Exit.USAGE,
        )
    python = root / ".venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        fail(
            f"the clone in {root} is not set up yet: type 'make setup' there, and then this again", Exit.USAGE
        )
    kept = ["--data", str(data or root / ".quantum")] if module == "localhost" else []
    line = [str(python), "-m", module, *words, *kept, *more]
    contexts = {"QUANTUM_CONTEXTS": str(root / "examples" / "webapp")}
    environment = contexts | os.environ | {"PYTHONPATH": os.pathsep.join([str(root), *_paths()])}
    if sys.platform == "win32":  # where nothing takes a process's place
        raise typer.Exit(subprocess.call(line, env=environment))  # noqa: S603  # it is the clone's own
    os.execve(line[0], line, environment)  # noqa: S606  # as above


def _paths() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
