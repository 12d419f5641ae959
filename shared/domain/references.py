"""References between intents: which others an intent runs, as its ``run-intent`` steps say."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from shared.domain.intents import Reference
from shared.domain.pointers import pointer
from shared.domain.steps import RUN_INTENT, parameters_of


def referenced(definition: Mapping[str, Any]) -> dict[str, str]:
    """The names of the intents that a valid definition runs, and the first place that names each."""
    found: dict[str, str] = {}
    for section in ("steps", "finally"):
        for position, step in enumerate(definition.get(section) or ()):
            for name, path in _referenced(step):
                found.setdefault(name, pointer("definition", section, position, *path))
    return found


def _referenced(step: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The names in one step, each with the path to it."""
    if step.get("action") == RUN_INTENT:
        named = parameters_of(step).get("intent")
        if isinstance(named, str) and (reference := Reference.parse(named)):
            long = step.get("parameters")
            within = isinstance(long, Mapping) and "intent" in long
            yield reference.name, ("parameters", "intent") if within else ("intent",)
    if isinstance(compensation := step.get("compensate"), Mapping):
        for name, path in _referenced(compensation):
            yield name, ("compensate", *path)


def held(references: Mapping[str, Collection[str]]) -> frozenset[str]:
    """Every name in the ``references`` of an intent's head: its active version's and its later ones'."""
    return frozenset[str]().union(*references.values())


def references_from(references: Mapping[str, Collection[str]], version: int) -> dict[str, Collection[str]]:
    """The ``references`` of a head once ``version`` is the active one."""
    return {key: names for key, names in references.items() if int(key) >= version}
