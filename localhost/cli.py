"""The command line: ``python -m localhost serve`` and what others hook in."""

import argparse
import gc
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from localhost.app.problems import StartupError
from localhost.repository import REPOSITORY

DEFAULT_PORT = 7071
DEFAULT_DATA = Path(".quantum")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0, or 2 with a message on stderr if it cannot start."""
    words = sys.argv[1:] if arguments is None else arguments
    options = _parser(words).parse_args(words)
    try:
        run: Callable[[argparse.Namespace], int] = options.run
        return run(options)
    except StartupError as error:
        print(f"quantum localhost: {error}", file=sys.stderr)
        return 2


def _serve(options: argparse.Namespace) -> int:
    gc.disable()  # until all is loaded: what is imported stays, and looking through it finds nothing
    from localhost.serve import Options, serve  # a wrong option should not wait for the imports

    ready_file = Path(options.ready_file) if options.ready_file else None
    serve(
        Options(
            Path(options.app),
            Path(options.data),
            options.host,
            options.port,
            ready_file,
            options.admin,
            options.details,
        )
    )
    return 0


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m localhost", description="Run a Functions app on this machine."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve an app: HTTP, timers, feeds and durable functions")
    serve.add_argument("--app", default=str(REPOSITORY), help="folder of the app (default: this repository)")
    serve.add_argument(
        "--data", default=str(DEFAULT_DATA), help="folder for all state (default: %(default)s)"
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serve.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, help="0 takes a free one (default: %(default)s)"
    )
    serve.add_argument(
        "--ready-file", metavar="PATH", help="write {url, pid, grpc} there once everything is up"
    )
    serve.add_argument(
        "--admin",
        type=_member,
        metavar="USER@TENANT",
        help="if nobody signs in here yet, make this administrator, and the tenant",
    )
    serve.add_argument("--details", action="store_true", help="also print every function, address and timer")
    serve.set_defaults(run=_serve)
    if words[:1] != ["serve"]:
        from localhost.backup import add_backup_command
        from localhost.identity.token import add_token_command  # its imports are 0.3 s that serve can spare

        add_backup_command(commands)
        add_token_command(commands)
    return parser


def _member(text: str) -> tuple[str, str]:
    user, _, tenant = text.partition("@")
    if not user or not tenant:
        raise argparse.ArgumentTypeError("an administrator is USER@TENANT, such as ada@acme")
    return user, tenant


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port
