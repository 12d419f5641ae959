"""The `quantum` command. Nothing but typer is loaded before a command runs."""

import codecs
import os
import sys
from io import TextIOWrapper

from quantum.cli.exits import Exit
from quantum.cli.terminal import ERRORS, replaced


def main() -> None:
    """Run it; what it needs beyond the client is the extra ``cli``."""
    codecs.register_error(ERRORS, replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=ERRORS)
    out = sys.stdout
    try:
        try:
            import typer  # noqa: F401  # only whether it is there
        except ImportError:
            sys.exit("quantum: the command needs its extra: pip install 'quantum-platform[cli]'")
        from quantum.cli.app import app

        try:
            app(prog_name="quantum")
        finally:
            if sys.stdout is not out:  # typer's way to say that nobody reads on
                raise BrokenPipeError
            out.flush()
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except BrokenPipeError:
        for stream in (1, 2):  # nothing more is written, not even by Python when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        sys.exit(Exit.UNREAD)
