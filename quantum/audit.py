"""Verifies an export of a tenant's audit trail, offline: ``python -m quantum.audit verify FILE``.

It stands on the standard library alone. It exits with 0 if the export is whole, 1 if it is damaged (every
damaged record is named), 2 if it cannot be read.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from quantum.contract.chains import Record, damages

WHOLE, DAMAGED, UNUSABLE = 0, 1, 2
_NO_LINKS: Final[Mapping[str, Any]] = {}


@dataclass
class Export:
    """What an export has: the records of each chain in the order of their lines, and the manifest."""

    chains: dict[str, list[Record]] = field(default_factory=dict[str, list[Record]])
    manifest: Mapping[str, Any] | None = None
    faults: list[str] = field(default_factory=list[str])
    """Lines that are neither records nor a manifest at the end."""

    @property
    def links(self) -> Mapping[str, Any]:
        """What each chain ends with, by its name."""
        links = self.manifest.get("chains") if self.manifest else None
        return links if isinstance(links, dict) else _NO_LINKS

    @property
    def records(self) -> int:
        return sum(map(len, self.chains.values()))

    @classmethod
    def read(cls, lines: Iterable[str]) -> "Export":
        made = cls()
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            if made.manifest is not None:
                made.faults.append(f"line {number}: it stands behind the manifest, which is the last line")
            made._take(number, line)
        return made

    def _take(self, number: int, line: str) -> None:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            self.faults.append(f"line {number}: it is not JSON")
            return
        if isinstance(value, dict) and isinstance(value.get("manifest"), dict):
            self.manifest = value["manifest"]
        elif isinstance(value, dict) and isinstance(value.get("chain"), str):
            self.chains.setdefault(value["chain"], []).append(value)
        else:
            self.faults.append(f"line {number}: it is no audit record: it does not say which chain it is of")


def findings(export: Export) -> Iterator[str]:
    """What is wrong with an export, a line for each place; nothing if it is whole."""
    yield from export.faults
    manifest = export.manifest
    if manifest is None:
        yield "the manifest is missing, which is the last line of an export: the file was cut short"
        return
    if manifest.get("records") != export.records:
        yield f"the manifest counts {manifest.get('records')} records, the file has {export.records}"
    whole = manifest.get("complete") is True
    now, tenant = str(manifest.get("exported_at")), str(manifest.get("tenant_id"))
    for name in sorted({*export.chains, *export.links}):
        link = export.links.get(name)
        found = damages(
            export.chains.get(name, []),
            link if isinstance(link, dict) else None,
            now=now,
            of={"chain": name, "tenant_id": tenant},
            whole=whole,
        )
        for damage in found:
            which = f"record {damage.number}"
            if damage.last != damage.number:
                which = f"records {damage.number} to {damage.last}"
            yield f"{name}, {which}: {damage.kind}: {damage.message}"


def changes(earlier: Export, later: Export) -> Iterator[str]:
    """What the later export has otherwise than the earlier one, though nothing in a chain ever changes.

    It finds what a single export cannot show: a chain that was written anew from some record on.
    """
    for name, known in sorted(_known(earlier).items()):
        now = _known(later).get(name, {})
        for number in sorted(known.keys() & now.keys()):
            if known[number] != now[number]:
                yield f"{name}, record {number}: altered: the earlier export has another one"
        if max(known) > max(now, default=0):
            yield f"{name}, record {max(known)}: truncated: the earlier export has it, and it was the last"


def _known(export: Export) -> dict[str, dict[int, Any]]:
    """The hash of each record that an export has or names as a chain's last."""
    known: dict[str, dict[int, Any]] = {}
    named = [(name, link) for name, link in export.links.items() if isinstance(link, dict)]
    for name, said in [*named, *((name, one) for name, many in export.chains.items() for one in many)]:
        if isinstance(said.get("number"), int):
            known.setdefault(name, {})[said["number"]] = said.get("hash")
    return known


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit status."""
    asked = _parser().parse_args(arguments)
    try:
        export = _load(asked.file)
        earlier = _load(asked.earlier) if asked.earlier else None
    except (OSError, UnicodeDecodeError) as error:
        print(f"{asked.file} cannot be read: {error}", file=sys.stderr)
        return UNUSABLE
    found = [*findings(export), *(changes(earlier, export) if earlier else ())]
    for line in found:
        print(line)
    chains = _count(len({*export.chains, *export.links}), "chain")
    counted = f"{chains}, {_count(export.records, 'record')}"
    if found:
        print(f"DAMAGED: {_count(len(found), 'finding')} in {counted}")
        return DAMAGED
    assert export.manifest is not None  # else it would have been found
    at, tenant = export.manifest.get("exported_at"), export.manifest.get("tenant_id")
    what = "whole" if export.manifest.get("complete") else "a selection, and nothing in it is altered"
    print(f"OK: {counted} of {tenant} at {at}: {what}")
    return WHOLE


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m quantum.audit", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = commands.add_parser(
        "verify", help="verify an export (GET /api/v1/audit as application/x-ndjson)"
    )
    verify.add_argument("file", metavar="FILE", help="the export; - for standard input")
    verify.add_argument(
        "--against", dest="earlier", metavar="EARLIER", help="an earlier export that must have come true"
    )
    return parser


def _load(file: str) -> Export:
    if file == "-":
        return Export.read(sys.stdin)
    with Path(file).open(encoding="utf-8") as lines:
        return Export.read(lines)


if __name__ == "__main__":
    sys.exit(main())
