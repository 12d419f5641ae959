"""How a chain of audit records is verified: by the server, and by whoever has an export of it.

A record carries ``previous_hash``, the hash of the record before it (the first: ``FIRST_HASH``), and its own
``hash`` over all else that is in it. The *link* of a chain is the number and hash of its last record, kept
apart from the records. So the link vouches for the last record, that one for the record before it, and so on;
what does not fit is damage, and it is named.

Records may expire: ``expires_at`` says when, None never, and no record expires before one that precedes it
does. ``previous_expires_at`` is the latest ``expires_at`` before a record, and ``previous_kept`` the number
and hash of the last record before it that never expires (None: there is none), so that this one is vouched
for when those between them are gone. A link has both too, as ``expires_at`` and ``kept``. Records that are
missing without having expired were removed.

It stands on the standard library alone, so that an auditor can read all that a verdict rests on.
"""

import hashlib
import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

FIRST_HASH: Final = "sha256:" + "0" * 64
"""What stands for the hash before the first record."""

type Record = Mapping[str, Any]
type Kind = Literal["altered", "removed", "truncated", "reordered", "repeated", "added"]


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with the records ``number`` to ``last`` of a chain (one record, as a rule).

    ``altered``: it is not the record that was written; ``removed``: it is missing before the chain's end;
    ``truncated``: it is missing at the end; ``reordered``: it stands at another's place; ``repeated``: there
    is another record of its number; ``added``: it was never part of the chain.
    """

    kind: Kind
    number: int
    last: int
    message: str


def canonical_json(value: Any) -> bytes:
    """``value`` as UTF-8 JSON: keys in code-point order, no spaces, whole numbers without fraction.

    Raises:
        ValueError: a number is not finite, or a string is not valid Unicode.
    """
    plain = _whole(value)
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def record_hash(record: Record) -> str:
    """The hash of everything in a record but its ``hash``.

    Raises:
        ValueError: it is not of JSON values.
    """
    content = {name: value for name, value in record.items() if name != "hash"}
    return "sha256:" + hashlib.sha256(canonical_json(content)).hexdigest()


def damages(
    records: Sequence[Record],
    link: Mapping[str, Any] | None,
    *,
    now: str,
    of: Mapping[str, str] | None = None,
    whole: bool = True,
) -> list[Damage]:
    """What is wrong with a chain, by number; an empty list if nothing is.

    Args:
        records: all that there are, in the order in which they stand.
        link: the chain's number, hash, expires_at and kept; None if it is lost.
        now: the time, as records spell times: what has expired by then may be missing.
        of: what every record has to say of where it belongs (``chain``, ``tenant_id``).
        whole: False if the records are a selection: then nothing is missed, and no link is needed.
    """
    return _Examination(records, now=now, of=of or {}, whole=whole).result(link)


@dataclass(frozen=True, slots=True)
class _Vouched:
    """What is known of the record at a place from what follows it; ``hash`` None: nothing."""

    hash: str | None = None
    expires_at: str | None = None
    kept: int = 0
    kept_hash: str | None = None

    @classmethod
    def by(cls, source: Mapping[str, Any], prefix: str = "") -> "_Vouched":
        kept = source.get(prefix + "kept")
        kept = kept if isinstance(kept, Mapping) else {}
        return cls(
            _text(source.get(prefix + "hash")),
            _text(source.get(prefix + "expires_at")),
            _number(kept) or 0,
            _text(kept.get("hash")),
        )

    def behind_gap(self, number: int) -> "_Vouched":
        """What is known of the record before a gap."""
        return _Vouched(self.kept_hash if number == self.kept else None)


@dataclass
class _Examination:
    records: Sequence[Record]
    now: str
    of: Mapping[str, str]
    whole: bool
    found: list[Damage] = field(default_factory=list[Damage])
    true: dict[int, int] = field(default_factory=dict[int, int])
    """The place and the number of each record that is as it was written."""

    def result(self, link: Mapping[str, Any] | None) -> list[Damage]:
        places = self._places()
        end = max(places, default=0)
        known = _Vouched()
        if link is not None:
            end, known = _number(link) or 0, _Vouched.by(link)
            for number in [number for number in places if number > end]:
                self._add(
                    "added", number, f"the chain ends with record {end}, but there is a record {number}"
                )
                del places[number]
        elif self.whole:
            self._add("truncated", end, "nothing says where the chain ends: its link is lost")
        self._walk(places, end, known)
        for number in _out_of_order([self.true[place] for place in sorted(self.true)]):
            self._add("reordered", number, f"record {number} does not stand in its place")
        return sorted(self.found, key=lambda damage: (damage.number, damage.kind))

    def _places(self) -> dict[int, list[int]]:
        """Where the records of each number stand."""
        places: dict[int, list[int]] = {}
        for place, record in enumerate(self.records):
            number = _number(record)
            if number is None:
                self._add("altered", place + 1, f"record {place + 1} of those there are has no number")
            else:
                places.setdefault(number, []).append(place)
        return places

    def _walk(self, places: Mapping[int, Sequence[int]], end: int, known: _Vouched) -> None:
        """From the end to the beginning: each record vouches for the one before it."""
        by_hash = {str(record.get("hash")): record for record in self.records}
        at = end
        for number in [*sorted(places, reverse=True), 0]:
            if number < at and (moved := by_hash.get(known.hash or "")) is not None:
                # Only its number was changed: it still carries the hash that is looked for.
                self._add("altered", at, f"record {at} says that it is record {moved.get('number')!r}")
                known, at = _Vouched.by(moved, "previous_"), at - 1
            if number < at:
                self._gap(number + 1, at, known, at_end=at == end)
                known = known.behind_gap(number)
            if number:
                known = self._examine(number, places[number], known)
            at = number - 1

    def _gap(self, first: int, last: int, known: _Vouched, *, at_end: bool) -> None:
        if known.expires_at is not None and known.expires_at <= self.now and known.kept < last:
            # What follows the last that is kept for ever has expired.
            last, at_end = known.kept, False
        if not self.whole or last < first:
            return
        which = f"record {first} is" if first == last else f"records {first} to {last} are"
        if at_end:
            self._add("truncated", first, f"{which} missing at the end of the chain", last)
        else:
            self._add("removed", first, f"{which} missing", last)

    def _examine(self, number: int, places: Sequence[int], known: _Vouched) -> _Vouched:
        """Find the true record of that number; what it says of the one before it."""
        fits = (place for place in places if _fits(self.records[place], known.hash))
        true = next(fits, None)
        record = self.records[places[0] if true is None else true]
        previous = _Vouched.by(record, "previous_")
        if true is None:
            self._add("altered", number, f"record {number} is not what was written: its hash does not fit")
        elif any(record.get(name) != value for name, value in self.of.items()):
            self._add("altered", number, f"record {number} is of another chain, {record.get('chain')!r}")
        elif number == 1 and previous.hash != FIRST_HASH:
            self._add("altered", 1, "record 1 does not say that it is the first")
        else:
            self.true[true] = number
        if len(places) > 1:
            self._add("repeated", number, f"there are {len(places)} records {number}")
        return previous

    def _add(self, kind: Kind, number: int, message: str, last: int | None = None) -> None:
        self.found.append(Damage(kind, number, last or number, message))


def _out_of_order(numbers: Sequence[int]) -> list[int]:
    """The fewest numbers without which the rest ascends: all but a longest ascending subsequence."""
    ends: list[int] = []  # the least last index of an ascending subsequence of each length
    before: list[int] = []
    for index, number in enumerate(numbers):
        length = bisect_left(ends, number, key=numbers.__getitem__)
        before.append(ends[length - 1] if length else -1)
        ends[length : length + 1] = [index]
    kept: set[int] = set()
    index = ends[-1] if ends else -1
    while index >= 0:
        kept.add(index)
        index = before[index]
    return [number for index, number in enumerate(numbers) if index not in kept]


def _fits(record: Record, expected: str | None) -> bool:
    try:
        digest = record_hash(record)
    except (ValueError, TypeError, RecursionError):
        return False
    return digest == record.get("hash") and expected in {None, digest}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(record: Mapping[str, Any]) -> int | None:
    number = record.get("number")
    return number if isinstance(number, int) and not isinstance(number, bool) and number > 0 else None


def _whole(value: Any) -> Any:
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1e21 else value
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value
