"""Making the platform's intents what files say: a plan first, then exactly that."""

import difflib
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, Literal

from quantum.cli.exits import Exit
from quantum.cli.inputs import side_by_side
from quantum.cli.output import as_yaml
from quantum.cli.session import fail, spinner, tell

if TYPE_CHECKING:  # loaded when it is needed
    from quantum.client import Client
    from quantum.contract.intents import Intent
    from quantum.contract.problems import FieldError
    from quantum.contract.validation import ValidationReport

SIGNS = {"create": "+", "update": "~", "unchanged": "=", "refused": "✗"}
COLOURS = {"+": "green", "~": "yellow", "-": "red", "✗": "red"}
"""Of lines, by their sign; on a terminal."""
INDENT = "    "
MANY = 10
"""Intents from which on it is asked for all there are at once."""
KNOWN = frozenset({"name", "definition", "description", "labels", "status", "message"})


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one intent.

    ``seen`` is the state of it that this was planned for, ``needs`` are those that have to be made before it.
    """

    name: str
    verb: Literal["create", "update", "unchanged", "refused"]
    wanted: Mapping[str, Any]
    lines: Sequence[str] = ()
    seen: str | None = None
    needs: frozenset[str] = frozenset()

    def told(self) -> str:
        return "\n".join(
            [f"{SIGNS[self.verb]} {self.name} {self.verb}", *(f"{INDENT}{line}" for line in self.lines)]
        )


async def plan(client: "Client", documents: Sequence[Mapping[str, Any]]) -> list[Change]:
    """What would have to be done, in the order in which it can be; nothing is."""
    there = None if len(documents) < MANY else await _listed(client)
    names = frozenset(str(document.get("name")) for document in documents)
    changes = await side_by_side("comparing", documents, lambda one: _plan(client, one, there, names))
    twice = sorted(name for name, count in Counter(change.name for change in changes).items() if count > 1)
    if twice:
        fail(f"more than one file has the intent {', '.join(twice)}", Exit.USAGE)
    by_name = {change.name: change for change in changes}
    try:
        order = TopologicalSorter({change.name: sorted(change.needs) for change in changes}).static_order()
        return [by_name[name] for name in order]
    except CycleError as error:
        fail(
            f"they run each other in a circle, so none can be made first: {' > '.join(error.args[1])}",
            Exit.USAGE,
        )


async def apply(client: "Client", changes: Sequence[Change], message: str | None) -> None:
    """Do it, and say so of each; what has changed since it was planned is not overwritten (STALE)."""
    count = 0
    try:
        with spinner("applying", len(changes)) as done:
            for count, change in enumerate(changes):
                print(f"{(await _apply(client, change, message)).id} {change.verb}d", flush=True)
                done(count + 1)
    except BaseException:  # Ctrl-C, too
        if count:
            tell(f"{count} of {len(changes)} are done; the rest is as it was. To go on, apply them again.")
        raise


def counted(changes: Sequence[Change]) -> str:
    """How many become what."""
    counts: Counter[str] = Counter(change.verb for change in changes)
    said = {"create": "to create", "update": "to update", "unchanged": "unchanged", "refused": "refused"}
    return ", ".join(f"{counts[verb]} {words}" for verb, words in said.items() if counts[verb])


def refused(changes: Sequence[Change]) -> bool:
    """Whether anything could not be done, so that nothing is."""
    return any(change.verb == "refused" for change in changes)


def colour(line: str) -> str | None:
    """Of one line of what was told."""
    return COLOURS.get(line.removeprefix(INDENT)[:1])


async def _listed(client: "Client") -> dict[str, "Intent"]:
    """The intents that there are: one request for many of them."""
    with spinner("reading the intents that there are"):
        return {intent.name: intent async for intent in client.intents.list(limit=200)}


async def _plan(
    client: "Client",
    document: Mapping[str, Any],
    there: Mapping[str, "Intent"] | None,
    names: Collection[str],
) -> Change:
    name = str(document.get("name") or "")
    strange = sorted(map(str, document.keys() - KNOWN))
    if not name or strange:
        why = f"it has {', '.join(strange)}, which no intent has" if strange else "it has no name"
        return Change(name or "?", "refused", document, [f"/: {why}"])
    if there is not None and name in there and not _difference(there[name], document):
        return Change(name, "unchanged", document)
    errors = (await look(client, document)).errors
    later = {made_before(document, error, names) for error in errors}
    if None in later:
        return Change(name, "refused", document, [f"{e.pointer}: {e.message}" for e in errors])
    needs = frozenset(filter(None, later))
    new = there is not None and name not in there
    seen = None if new else await _seen(client, name)
    if seen is None:
        return Change(name, "create", document, needs=needs)
    lines = _difference(seen[0], document)
    if lines and seen[0].status == "archived":
        mend = f"quantum intents set {name} --status active"
        return Change(name, "refused", document, [f"/: it is archived; to have it back: {mend}"])
    return Change(name, "update" if lines else "unchanged", document, lines, seen[1], needs)


async def look(client: "Client", document: Mapping[str, Any]) -> "ValidationReport":
    """What is wrong with it; what is no intent at all is that, too."""
    from quantum.client.errors import BadRequestError
    from quantum.contract.validation import ValidationReport

    try:
        return await client.intents.validate(document)
    except BadRequestError as error:
        return ValidationReport(valid=False, errors=error.problem.errors, warnings=[])


async def _seen(client: "Client", name: str) -> tuple["Intent", str | None] | None:
    """The intent that there is, and its state; None: there is none."""
    from quantum.client.addresses import path
    from quantum.client.errors import NotFoundError
    from quantum.contract.intents import Intent

    try:
        answer = await client.get(path("intents", name))
    except NotFoundError:
        return None
    return Intent.model_validate_json(answer.content), answer.etag


def made_before(document: Mapping[str, Any], error: "FieldError", names: Collection[str]) -> str | None:
    """The other of these intents that it is an error not to have yet; None: it is another error."""
    if error.code != "UNKNOWN_INTENT":
        return None
    value: Any = document
    for part in error.pointer.split("/")[1:]:
        value = value[int(part)] if isinstance(value, list) else value.get(part)
    name = re.sub(r"-v\d+$", "", str(value))
    return name if name in names and name != document.get("name") else None


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
