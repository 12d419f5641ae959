"""References between intents: which others an intent runs, as its ``run-intent`` steps say."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from shared.domain.intents import Reference
from shared.domain.pointers import pointer
from shared.domain.steps import parameters_of

RUN_INTENT: Final = "run-intent"
"""The action that runs another intent; its parameter ``intent`` is a name or an id, written out."""


def referenced(definition: Mapping[str, Any]) -> dict[str, list[tuple[str, Reference]]]:
    """The intents that a valid definition runs: each name, with every place that names it and how."""
    found: dict[str, list[tuple[str, Reference]]] = {}
    for section in ("steps", "finally"):
        for position, step in enumerate(definition.get(section) or ()):
            for at, reference in _references(step, pointer("definition", section, position)):
                found.setdefault(reference.name, []).append((at, reference))
    return found


def _references(step: Mapping[str, Any], at: str) -> Iterator[tuple[str, Reference]]:
    if step.get("action") == RUN_INTENT:
        long = step.get("parameters")
        within = "/parameters/intent" if isinstance(long, Mapping) and "intent" in long else "/intent"
        named = parameters_of(step).get("intent")
        reference = Reference.parse(named) if isinstance(named, str) else None
        if reference is not None:
            yield at + within, reference
    if isinstance(compensation := step.get("compensate"), Mapping):
        yield from _references(compensation, at + "/compensate")


def held(references: Mapping[str, Collection[str]]) -> frozenset[str]:
    """Every name in the ``references`` of an intent's head: its active version's and its later ones'."""
    return frozenset[str]().union(*references.values())


def references_from(references: Mapping[str, Collection[str]], version: int) -> dict[str, Collection[str]]:
    """The ``references`` of a head once ``version`` is the active one."""
    return {key: names for key, names in references.items() if int(key) >= version}
