"""What a definition must know of an action: its name, its side effect, and what parameters it takes."""

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from shared.domain.templates import has_template

type SideEffect = Literal["pure", "idempotent", "compensatable", "irreversible"]
"""``pure``: changes nothing outside. ``idempotent``: doing it twice is doing it once. ``compensatable``:
can be undone. ``irreversible``: none of these, so it is never repeated without being asked for."""

EXECUTE: Final = "intents.execute"
"""What whoever executes is permitted; most actions ask for no more."""
MAX_SUGGESTED: Final = 200
"""Known names among which a near one is looked for: each takes some 10 µs."""
MAX_NAME: Final = 128


@dataclass(frozen=True, slots=True)
class ParameterProblem:
    """One thing wrong with an action's parameters; ``path`` leads to it from the parameters."""

    path: Sequence[str | int]
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Taking:
    """That a parameter, when it is left out, is what an earlier step offers of this ``kind``.

    ``unless`` one of these parameters is there, in whose place it would be. Where no step offers it, the
    definition is at fault, unless it ``is_optional``.
    """

    kind: str
    unless: frozenset[str] = frozenset()
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Undoing:
    """How a step is undone whose author says nothing of it: by ``action``, with some of the step's outputs.

    ``outputs`` are parameters of ``action``, each with the output that it gets; ``same`` are those that it
    gets as the step itself has them, if it does.
    """

    action: str
    outputs: Mapping[str, str]
    same: frozenset[str] = frozenset()

    def of(self, step: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The ``compensate`` that the author of ``step`` might have written."""
        given = {
            name: f"${{{{ steps['{step}'].outputs.{output} }}}}" for name, output in self.outputs.items()
        }
        same = {name: parameters[name] for name in sorted(self.same & parameters.keys())}
        return {"action": self.action, "parameters": {**same, **given}}


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """An action as definitions and plans see it."""

    name: str
    module: str
    side_effect: SideEffect
    problems: Callable[[Mapping[str, Any]], Sequence[ParameterProblem]]
    """Everything wrong with these parameters."""
    conditions: frozenset[str] = frozenset()
    """The parameters that are CEL expressions themselves, without ``${{ }}``."""
    urls: frozenset[str] = frozenset()
    """The parameters that are URLs which the action calls."""
    permission: str = EXECUTE
    """The operation that somebody must be permitted for it to complete."""
    offers: Mapping[str, str] = field(default_factory=dict[str, str])
    """What later steps may take from it: the kind of each, and the output that it is."""
    takes: Mapping[str, Taking] = field(default_factory=dict[str, Taking])
    """The parameters that earlier steps may give."""
    undone_by: Undoing | None = None
    """What undoes it; None: only what its step says."""
    where: Callable[[Mapping[str, Any]], str | None] = lambda _: None
    """Where it takes effect, as far as these parameters tell; they may have expressions yet."""
    version: int | None = None
    """Which version of its module it is of, if that is a tenant's own."""
    takes_secrets: frozenset[str] = frozenset()
    """The parameters that may have secrets in them: nothing of them is kept."""
    own_images: frozenset[str] = frozenset()
    """The parameters that name images, of which those without a registry are built here."""

    def spelled_out(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """``parameters`` with the conditions wrapped in ``${{ }}``, so that all are read alike."""
        return {
            name: f"${{{{ {value} }}}}"
            if name in self.conditions and isinstance(value, str) and not has_template(value)
            else value
            for name, value in parameters.items()
        }


def did_you_mean(name: str, known: Collection[str]) -> str:
    """``; did you mean 'build'?`` when a known name is near ``name``, or nothing (if there are too many)."""
    if len(known) > MAX_SUGGESTED or len(name) > MAX_NAME:
        return ""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""
