"""What a person at the terminal is told first: where the platform is, and who signs in with what."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "steps and webhooks may call this machine itself; QUANTUM_EGRESS_LOOPBACK=refuse forbids it"
FEW = 3
"""So many users are named; of more it is said that they are members."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """A title, and lines of a word and what it says."""

    title: str
    lines: tuple[tuple[str, str], ...]


def welcome(data: Path, base_url: str, *, signs_in: bool, loopback: bool) -> Welcome:
    """What the platform on ``data`` says.

    ``signs_in``: the local issuer lets its users in; ``loopback``: steps reach this machine.
    """
    lines = [("console", f"{base_url}/console")]
    if signs_in:
        lines += _signing_in(data, base_url)
    lines.append(("API", f"{base_url}/api/v1/docs"))
    if loopback:
        lines.append(("egress", LOOPBACK))
    return Welcome("Quantum Platform", tuple(lines))


def _signing_in(data: Path, base_url: str) -> list[tuple[str, str]]:
    from localhost.identity.issuer import (
        sign_in_code,
    )  # foreign apps have no such thing, and do not pay for it
    from localhost.identity.store import IdentityStore

    command = _command()
    known = IdentityStore(data).users()
    if not known:
        made = f"{command} token --tenant acme --user ada --role admin"
        return [("sign in", f"nobody can yet; in a second terminal, this makes somebody: {made}")]
    who = " or ".join(known) if len(known) <= FEW else "a member"
    address = "" if base_url.endswith(":7071") else f" {base_url}"
    return [
        ("sign in", f"as {who}, with the code {sign_in_code(data)}"),
        ("terminal", f"{command} login{address}"),
    ]


def _command() -> str:
    """How to type ``quantum`` here."""
    here = Path(sys.executable).with_name("quantum")
    found = shutil.which("quantum")
    if not here.exists() or (found is not None and Path(found).resolve() == here.resolve()):
        return "quantum"
    return str(here.relative_to(Path.cwd()) if here.is_relative_to(Path.cwd()) else here)
