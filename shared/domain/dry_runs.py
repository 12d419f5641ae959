"""Dry runs: what is known of an execution that does nothing, and what only a real run can tell.

A dry run walks the plan with the same decisions, assuming that whatever it does not try goes well. What is
not known of a step then is told as JSON Pointers into it: ``/outputs/body`` is one output, ``/outputs`` all
that it does not have, ``/status`` whether the step would run at all.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from shared.domain.pointers import pointer
from shared.domain.reach import Part, reach_of
from shared.domain.templates import name_steps

UNKNOWN: Final = "UNKNOWN_UNTIL_RUN"
"""The code of a step's error that says that nothing is wrong, but something not known."""
ALL_OUTPUTS: Final = "/outputs"
UNDECIDED: Final = ("/status", ALL_OUTPUTS)
"""Of a step whose condition or parameters cannot be known."""

type Unknown = Mapping[str, Collection[str]]
"""What is not known, by step."""


def unknown_in(
    sources: Iterable[str], results: Mapping[str, Mapping[str, Any]], unknown: Unknown
) -> list[str]:
    """What the expressions name of the ``results`` of steps that is ``unknown``, as they would spell it."""
    found: dict[str, None] = {}
    for source in sources:
        spelled, _ = name_steps(source, results)
        reached = reach_of(spelled, ()).parts.get("steps", {})
        for step, fields in (dict.fromkeys(results) if reached is None else reached).items():
            for path in _unknown_of(results.get(step, {}), unknown.get(step, ()), fields):
                found[".".join(("steps", step, *path))] = None
    return list(found)


def pointers_of(outputs: Iterable[str] | None) -> list[str]:
    """Where these outputs stand in a step; None: all that it does not have."""
    return [ALL_OUTPUTS] if outputs is None else [ALL_OUTPUTS + pointer(name) for name in outputs]


def why_undecided(what: str, names: Sequence[str]) -> dict[str, str]:
    """The error of a step that cannot be foreseen, as ``what`` of it needs ``names``."""
    listed = ", ".join(names)
    return {"code": UNKNOWN, "message": f"its {what}: only a real run can tell {listed}"}


def _unknown_of(
    result: Mapping[str, Any], unknown: Collection[str], fields: Part
) -> Iterator[tuple[str, ...]]:
    """Which of the ``fields`` of one step are not known; None: all of the step is named."""
    if fields is None:
        yield from [()] if unknown else []
        return
    if "status" in fields and "/status" in unknown:
        yield ("status",)
    if "outputs" not in fields:
        return
    names = fields["outputs"]
    if names is None:
        yield from [("outputs",)] if any(one.startswith(ALL_OUTPUTS) for one in unknown) else []
        return
    for name in names:
        missing = ALL_OUTPUTS in unknown and name not in result.get("outputs", {})
        if missing or ALL_OUTPUTS + pointer(name) in unknown:
            yield ("outputs", name)
