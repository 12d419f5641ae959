"""The local host, where it is installed: in a clone of the platform."""

import importlib.util
import os
import sys
from typing import NoReturn

import typer

from quantum.cli.exits import Exit
from quantum.cli.session import fail

PASS = {"allow_extra_args": True, "ignore_unknown_options": True}
"""What stands behind these commands is the local host's own."""


def up(context: typer.Context) -> None:
    """Serve the platform on this machine; options as of `python -m localhost serve`."""
    _become("localhost", "serve", *context.args)


def token(context: typer.Context) -> None:
    """Print a bearer token for the platform on this machine; options as of `python -m localhost token`."""
    _become("localhost", "token", *context.args)


def demo(context: typer.Context) -> None:
    """See the platform build, push and deploy a web app on this machine."""
    _become("examples.demo", *context.args)


def _become(module: str, *words: str) -> NoReturn:
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        fail("the local host is not installed here: it comes with a clone of the platform", Exit.USAGE)
    os.execv(sys.executable, [sys.executable, "-m", module, *words])  # noqa: S606  # it is this very program
