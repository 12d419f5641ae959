"""The `quantum` command. Nothing but typer is loaded before a command runs."""

import sys
from io import TextIOWrapper


def main() -> None:
    """Run it; what it needs beyond the client is the extra ``cli``."""
    try:
        import typer  # noqa: F401  # only whether it is there
    except ImportError:
        sys.exit("quantum: the command needs its extra: pip install 'quantum-platform[cli]'")
    from quantum.cli.app import app

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # for terminals that have no ✓
    app(prog_name="quantum")
