"""Dry runs: what is known of an execution that does nothing, and what only a real run can tell.

A dry run walks the plan with the same decisions, assuming that whatever it does not try goes well. What is
not known of a step then is told as JSON Pointers into it: ``/outputs/body`` is one output, ``/outputs`` all
that it does not have, ``/status`` whether the step would run at all.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from shared.domain.pointers import pointer
from shared.domain.templates import name_steps

UNKNOWN: Final = "UNKNOWN_UNTIL_RUN"
"""The code of a step's error that says that nothing is wrong, but something not known."""
ALL_OUTPUTS: Final = "/outputs"
UNDECIDED: Final = ("/status", ALL_OUTPUTS)
"""Of a step whose condition or parameters cannot be known."""

type Unknown = Mapping[str, Collection[str]]
"""What is not known, by step."""

# As `name_steps` spells it: steps["build"].outputs.image. A method (`.size()`) names nothing.
_ACCESS: Final = re.compile(
    r"""
    steps \s* \[ \s* (?P<quote>['"]) (?P<step>[^'"\\]*) (?P=quote) \s* \]
    (?: \s* \. \s* (?P<field> outputs | status ) \b
        (?: \s* \. \s* (?P<name> [A-Za-z_]\w*+ ) (?! \s* \( )
          | \s* \[ \s* (?P<mark>['"]) (?P<key>[^'"\\]*) (?P=mark) \s* \] )? )?
    """,
    re.VERBOSE,
)


def unknown_in(
    sources: Iterable[str], results: Mapping[str, Mapping[str, Any]], unknown: Unknown
) -> list[str]:
    """What the expressions name of the ``results`` of steps that is ``unknown``, as they would spell it."""
    found: dict[str, None] = {}
    for source in sources:
        for step, field, name in _accesses(source, results):
            if _is_unknown(results.get(step, {}), unknown.get(step, ()), field, name):
                found[".".join(filter(None, ("steps", step, field, name)))] = None
    return list(found)


def pointers_of(outputs: Iterable[str] | None) -> list[str]:
    """Where these outputs stand in a step; None: all that it does not have."""
    return [ALL_OUTPUTS] if outputs is None else [ALL_OUTPUTS + pointer(name) for name in outputs]


def why_undecided(what: str, names: Sequence[str]) -> dict[str, str]:
    """The error of a step that cannot be foreseen, as ``what`` of it needs ``names``."""
    listed = ", ".join(names)
    return {"code": UNKNOWN, "message": f"its {what}: only a real run can tell {listed}"}


def _accesses(source: str, known: Collection[str]) -> Iterator[tuple[str, str | None, str | None]]:
    spelled, _ = name_steps(source, known)
    for match in _ACCESS.finditer(spelled):
        yield match["step"], match["field"], match["name"] or match["key"]


def _is_unknown(
    result: Mapping[str, Any], unknown: Collection[str], field: str | None, name: str | None
) -> bool:
    match field, name:
        case "status", _:
            return "/status" in unknown
        case "outputs", str():
            missing = ALL_OUTPUTS in unknown and name not in result.get("outputs", {})
            return missing or ALL_OUTPUTS + pointer(name) in unknown
        case "outputs", None:
            return any(one.startswith(ALL_OUTPUTS) for one in unknown)
        case _:
            return bool(unknown)
