"""How two definitions differ: as a JSON Patch, and in words that name the steps."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from shared.domain.patches import Alignment, Key, Operation, json_patch, same
from shared.domain.steps import long_form

MAX_LINES: Final = 1_000
"""Most lines of words."""
MAX_SHOWN: Final = 80
"""Most characters of a value that are shown."""
_LISTS: Final = {"steps": "step", "finally": "final step"}
"""The sections of a definition that are lists of steps, and what one of each is called."""


@dataclass(frozen=True, slots=True)
class Diff:
    """What changed from version ``old`` of an intent to ``new``."""

    name: str
    old: int
    new: int
    patch: Sequence[Operation]
    lines: Sequence[str]


def diff(name: str, old: tuple[int, Mapping[str, Any]], new: tuple[int, Mapping[str, Any]]) -> Diff:
    """The difference of two numbered valid definitions of the intent ``name``."""
    patch = json_patch(old[1], new[1])
    lines = list(islice(_definition(old[1], new[1]), MAX_LINES + 1))
    if len(lines) > MAX_LINES:
        lines[MAX_LINES:] = ["… and more"]
    if patch and not lines:
        lines = ["only the spelling changed; it means the same"]
    return Diff(name, old[0], new[0], patch, lines or ["nothing changed"])


def _definition(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for section in dict.fromkeys([*old, *new]):
        if section in _LISTS:
            yield from _steps(_LISTS[section], old.get(section) or [], new.get(section) or [])
        else:
            yield from _values("", _only(old, section), _only(new, section))


def _only(value: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    return {section: value[section]} if section in value else {}


def _steps(noun: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[str]:
    """The steps that are gone, in the old order, then those that are new or other, in the new order."""
    steps = Alignment.of(old, new)
    before = _long_forms(steps.before)
    after = _long_forms(steps.after)
    for key, step in before.items():
        if key not in after:
            yield f"{noun} '{step['id']}' ({step.get('action')}) removed"
    previous: Mapping[str, Any] | None = None
    for key, step in after.items():
        place = f"after '{previous['id']}'" if previous else "to the beginning"
        named = f"{noun} '{step['id']}'"
        if key not in before:
            yield f"{named} ({step.get('action')}) added {place}"
        else:
            if key in steps.moved:
                yield f"{named} moved {place}"
            yield from (f"{named}: {line}" for line in _fields(before[key], step))
        previous = step


def _long_forms(steps: Mapping[Key, Any]) -> dict[Key, dict[str, Any]]:
    return {key: long_form(step, position) for position, (key, step) in enumerate(steps.items(), start=1)}


def _fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """The keywords of a step, then its parameters: both forms of writing these read alike."""
    yield from _values("", _keywords(old), _keywords(new))
    yield from _values("", old["parameters"], new["parameters"])


def _keywords(step: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in step.items() if key != "parameters"}


def _values(within: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """A line for each innermost field that differs: ``parameters.properties.replicas: 1 → 2``."""
    for name in dict.fromkeys([*old, *new]):
        place = f"{within}.{name}" if within else name
        if name not in new:
            yield f"{place} removed (was {_shown(old[name])})"
        elif name not in old:
            yield f"{place} added: {_shown(new[name])}"
        elif isinstance(old[name], Mapping) and isinstance(new[name], Mapping):
            yield from _values(place, old[name], new[name])
        elif not same(old[name], new[name]):
            yield f"{place}: {_shown(old[name])} → {_shown(new[name])}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
