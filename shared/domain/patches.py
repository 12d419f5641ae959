"""What changes one JSON value into another, as a JSON Patch (RFC 6902).

Ours, because a step is known by its ``id`` and not by its place: the library (jsonpatch, with which the tests
apply these patches) lets a step that is put before others turn every one of them into another.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from shared.domain.canonical import canonical_json
from shared.domain.pointers import pointer

MAX_ALIGNED: Final = 1_000
"""Longest list whose items are told apart; a longer one that differs is replaced."""
MAX_MOVES: Final = 100
"""Most items of a list that are moved one by one; where more have moved, the list is replaced."""

MAX_OPERATIONS: Final = 5_000
"""Longest patch that is told; where it would be longer, the whole value is replaced."""

type Operation = dict[str, Any]
type Key = tuple[str, str, int]


def json_patch(before: Any, after: Any) -> list[Operation]:
    """The operations that make ``after`` of ``before``; none exactly if both are the same JSON.

    ``1`` and ``1.0`` are the same, ``1`` and true are not.
    """
    patch = list(islice(_operations(before, after, ""), MAX_OPERATIONS + 1))
    return patch if len(patch) <= MAX_OPERATIONS else [_replace("", after)]


def same(one: Any, other: Any) -> bool:
    """Whether both are the same JSON."""
    return next(_operations(one, other, ""), None) is None


def _operations(before: Any, after: Any, at: str) -> Iterator[Operation]:
    match before, after:
        case Mapping(), Mapping():
            yield from _object(before, after, at)
        case list(), list():
            yield from _list(before, after, at)
        case _ if before != after or isinstance(before, bool) != isinstance(after, bool):
            yield _replace(at, after)


def _replace(at: str, value: Any) -> Operation:
    return {"op": "replace", "path": at, "value": value}


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which items of two lists are the same thing, though it may have changed or moved.

    An object with a text as its ``id`` is known by that; anything else by its content, and what of it is
    left over by its ``action`` if it has one (a step without an id), one after the other.
    """

    before: Mapping[Key, Any]
    after: Mapping[Key, Any]
    moved: frozenset[Key]
    """The fewest items that must be taken out and put elsewhere."""

    @classmethod
    def of(cls, before: Sequence[Any], after: Sequence[Any]) -> "Alignment":
        contents = [_content(item) for item in before], [_content(item) for item in after]
        common = Counter(contents[0]) & Counter(contents[1])
        old = dict(zip(_keys(before, contents[0], common), before, strict=True))
        new = dict(zip(_keys(after, contents[1], common), after, strict=True))
        rank = {key: position for position, key in enumerate(new)}
        kept = [key for key in old if key in new]
        staying = _longest_rise([rank[key] for key in kept])
        return cls(old, new, frozenset(key for key in kept if rank[key] not in staying))


def _object(before: Mapping[str, Any], after: Mapping[str, Any], at: str) -> Iterator[Operation]:
    for name in before:
        if name not in after:
            yield {"op": "remove", "path": at + pointer(name)}
    for name, value in after.items():
        place = at + pointer(name)
        if name in before:
            yield from _operations(before[name], value, place)
        else:
            yield {"op": "add", "path": place, "value": value}


def _list(before: list[Any], after: list[Any], at: str) -> Iterator[Operation]:
    if max(len(before), len(after)) <= MAX_ALIGNED:
        lists = Alignment.of(before, after)
        if len(lists.moved) <= MAX_MOVES:
            yield from _arranged(lists, at)
            yield from _changed(lists, at)
            return
    elif len(before) == len(after) and all(map(same, before, after)):
        return
    yield _replace(at, after)


def _arranged(lists: Alignment, at: str) -> Iterator[Operation]:
    """Remove what is gone, then put what is new or moved behind the item that is to be before it."""
    order = list(lists.before)
    for position in reversed(range(len(order))):
        if order[position] not in lists.after:
            del order[position]
            yield {"op": "remove", "path": at + pointer(position)}
    following = 0
    for key, value in lists.after.items():
        if key in lists.moved:
            origin = order.index(key)
            del order[origin]
            following -= origin < following
            yield {"op": "move", "from": at + pointer(origin), "path": at + pointer(following)}
            order.insert(following, key)
        elif key not in lists.before:
            yield {"op": "add", "path": at + pointer(following), "value": value}
            order.insert(following, key)
        else:
            following = order.index(key, following)
        following += 1


def _changed(lists: Alignment, at: str) -> Iterator[Operation]:
    for position, (key, value) in enumerate(lists.after.items()):
        if key in lists.before:
            yield from _operations(lists.before[key], value, at + pointer(position))


def _content(item: Any) -> str:
    """The one spelling of what is the same JSON: ``1`` of 1.0, too."""
    return canonical_json(item).decode()


def _keys(items: Sequence[Any], contents: Sequence[str], common: Mapping[str, int]) -> Iterator[Key]:
    """A key for each item, which no other of the list has; both lists have ``common`` contents, so often."""
    met: Counter[tuple[str, str]] = Counter()
    for item, content in zip(items, contents, strict=True):
        if isinstance(item, Mapping) and isinstance(item.get("id"), str):
            kind, name = "id", item["id"]
        elif met["content", content] < common.get(content, 0):
            kind, name = "content", content
        else:
            kind, name = "rest", str(item.get("action", "")) if isinstance(item, Mapping) else ""
        yield kind, name, met[kind, name]
        met[kind, name] += 1


def _longest_rise(numbers: Sequence[int]) -> set[int]:
    """The members of a longest rising subsequence of different ``numbers``."""
    tails: list[int] = []
    before: dict[int, int | None] = {}
    for number in numbers:
        place = bisect_left(tails, number)
        before[number] = tails[place - 1] if place else None
        tails[place:] = [number] if place == len(tails) else [number, *tails[place + 1 :]]
    found: set[int] = set()
    last = tails[-1] if tails else None
    while last is not None:
        found.add(last)
        last = before[last]
    return found
