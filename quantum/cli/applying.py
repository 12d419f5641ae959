"""Making the platform's intents what files say: a plan first, then exactly that."""

import difflib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import typer

from quantum.cli.exits import Exit
from quantum.cli.output import as_yaml
from quantum.cli.session import fail

if TYPE_CHECKING:  # loaded when it is needed
    from quantum.client import Client
    from quantum.contract.intents import Intent

SIGNS = {"create": "+", "update": "~", "unchanged": "=", "refused": "✗"}
COLOURS = {"+": "green", "~": "yellow", "-": "red", "✗": "red"}
"""Of lines, by their sign; on a terminal."""
INDENT = "    "
KNOWN = frozenset({"name", "definition", "description", "labels", "status", "message"})


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one intent. ``seen`` is the state of it that this was planned for."""

    name: str
    verb: Literal["create", "update", "unchanged", "refused"]
    wanted: Mapping[str, Any]
    lines: Sequence[str] = ()
    seen: str | None = None

    def told(self) -> str:
        return "\n".join(
            [f"{SIGNS[self.verb]} {self.name} {self.verb}", *(f"{INDENT}{line}" for line in self.lines)]
        )


async def plan(client: "Client", documents: Sequence[Mapping[str, Any]]) -> list[Change]:
    """What would have to be done; nothing is."""
    changes = [await _plan(client, document) for document in documents]
    names = [change.name for change in changes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        fail(f"more than one file has the intent {', '.join(twice)}", Exit.USAGE)
    return changes


async def apply(client: "Client", changes: Sequence[Change], message: str | None) -> list[str]:
    """Do it; what has changed since it was planned is not overwritten (STALE)."""
    return [f"{(await _apply(client, change, message)).id} {change.verb}d" for change in changes]


def refused(changes: Sequence[Change]) -> bool:
    """Whether anything could not be done, so that nothing is."""
    return any(change.verb == "refused" for change in changes)


def colour(line: str) -> str | None:
    """Of one line of what was told."""
    return COLOURS.get(line.removeprefix(INDENT)[:1])


def confirm(count: int) -> None:
    """Ask whether that is meant."""
    if not sys.stdin.isatty():
        fail("nothing was changed: say --yes where nobody can be asked", Exit.USAGE)
    typer.confirm(f"Change {count} intent{'s' if count > 1 else ''}?", abort=True)


async def _plan(client: "Client", document: Mapping[str, Any]) -> Change:
    from quantum.client.errors import NotFoundError

    name = str(document.get("name") or "")
    strange = sorted(map(str, document.keys() - KNOWN))
    if not name or strange:
        why = f"it has {', '.join(strange)}, which no intent has" if strange else "it has no name"
        return Change(name or "?", "refused", document, [f"/: {why}"])
    report = await client.intents.validate(document)
    if not report.valid:
        return Change(name, "refused", document, [f"{e.pointer}: {e.message}" for e in report.errors])
    try:
        seen = await client.intents.etag(name)
        there = await client.intents.get(name)
    except NotFoundError:
        return Change(name, "create", document)
    lines = _difference(there, document)
    return Change(name, "update" if lines else "unchanged", document, lines, seen)


def _difference(there: "Intent", document: Mapping[str, Any]) -> list[str]:
    """Lines of what would be otherwise; what the document does not say stays."""
    names = [name for name in ("description", "labels", "definition") if name in document]
    now = as_yaml({name: getattr(there, name) for name in names}).splitlines()
    then = as_yaml({name: document[name] for name in names}).splitlines()
    return [
        line for line in difflib.unified_diff(now, then, n=2, lineterm="") if line[:3] not in {"---", "+++"}
    ]


async def _apply(client: "Client", change: Change, message: str | None) -> "Intent":
    given = {key: value for key, value in change.wanted.items() if key != "status" or change.verb == "create"}
    given |= {"message": message} if message else {}
    if change.verb == "create":
        return await client.intents.create(**given)
    return await client.intents.update(**given, if_match=change.seen)
