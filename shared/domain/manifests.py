"""Manifests: what a tenant's own module says that it can do, and what is held against that."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from shared.domain.actions import ActionSpec, ParameterProblem, SideEffect, Undoing
from shared.domain.canonical import content_hash
from shared.domain.modules import Schema, Support
from shared.domain.parameters import violations

SEPARATOR: Final = "/"
"""Between the name of a module and that of its action."""
MODULE_NAME: Final = re.compile(r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?")
DEFAULT_TIMEOUT: Final = 30.0
MAX_MODULES: Final = 20
"""Modules that one intent may use; actions of others are none that it knows."""


@dataclass(frozen=True, slots=True)
class RemoteAction:
    """One action of a manifest; ``timeout`` is how many seconds one call of it may take."""

    description: str
    side_effect: SideEffect
    parameters: Schema
    outputs: Schema
    supports: Sequence[Support] = ()
    timeout: float = DEFAULT_TIMEOUT
    takes_secrets: Sequence[str] = ()
    undone_by: Undoing | None = None
    examples: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "RemoteAction":
        undoing = data.get("undone_by")
        return cls(
            description=data["description"],
            side_effect=data["side_effect"],
            parameters=data["parameters"],
            outputs=data["outputs"],
            supports=tuple(data.get("supports", ())),
            timeout=data.get("timeout", DEFAULT_TIMEOUT),
            takes_secrets=tuple(data.get("takes_secrets", ())),
            undone_by=Undoing(undoing["action"], undoing["outputs"], frozenset(undoing.get("same", ())))
            if undoing
            else None,
            examples=tuple(data.get("examples", ())),
        )

    def to_json(self) -> dict[str, Any]:
        undoing = self.undone_by
        return {
            "description": self.description,
            "side_effect": self.side_effect,
            "parameters": dict(self.parameters),
            "outputs": dict(self.outputs),
            "supports": sorted(self.supports),
            "timeout": self.timeout,
            "takes_secrets": sorted(self.takes_secrets),
            "undone_by": {
                "action": undoing.action,
                "outputs": dict(undoing.outputs),
                "same": sorted(undoing.same),
            }
            if undoing
            else None,
            "examples": [dict(one) for one in self.examples],
        }


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a module is for, and its actions by their names in it."""

    description: str
    actions: Mapping[str, RemoteAction] = field(default_factory=dict[str, RemoteAction])

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Manifest":
        return cls(data["description"], {name: RemoteAction.of(one) for name, one in data["actions"].items()})

    def to_json(self) -> dict[str, Any]:
        return {
            "description": self.description,
            "actions": {name: one.to_json() for name, one in self.actions.items()},
        }


@dataclass(frozen=True, slots=True)
class ModuleVersion:
    """A tenant's module as it was at a time; it never changes, and its number is never given again."""

    name: str
    version: int
    endpoint: str
    manifest: Manifest

    @property
    def hash(self) -> str:
        """Equal where a call would be the same."""
        return content_hash({"endpoint": self.endpoint, "manifest": self.manifest.to_json()})

    def specs(self) -> Mapping[str, ActionSpec]:
        """Its actions as definitions and plans see them, by their full names."""
        return {
            full_name(self.name, name): self._spec(name, action)
            for name, action in self.manifest.actions.items()
        }

    def _spec(self, name: str, action: RemoteAction) -> ActionSpec:
        full = full_name(self.name, name)
        return ActionSpec(
            full,
            self.name,
            action.side_effect,
            partial(problems, full, action.parameters),
            undone_by=self.undoing(action),
            where=lambda _: self.endpoint,
            takes_secrets=frozenset(action.takes_secrets),
            version=self.version,
        )

    def undoing(self, action: RemoteAction) -> Undoing | None:
        """What undoes the action, which the manifest names as its own are named there."""
        undoing = action.undone_by
        if undoing is None:
            return None
        return Undoing(full_name(self.name, undoing.action), undoing.outputs, undoing.same)


def full_name(module: str, action: str) -> str:
    return module + SEPARATOR + action


def named_modules(definition: Any) -> list[str]:
    """The tenant's modules whose actions are named, whatever else is wrong with the definition."""
    found: set[str] = set()
    for section in ("steps", "finally") if isinstance(definition, Mapping) else ():
        steps = definition.get(section)
        for step in steps if isinstance(steps, list) else ():
            if isinstance(step, dict):  # as JSON has it; it is asked of each of a thousand steps
                _add_module(step, found)
                if isinstance(compensation := step.get("compensate"), dict):
                    _add_module(compensation, found)
    return sorted(found)[:MAX_MODULES]


def _add_module(acting: dict[str, Any], found: set[str]) -> None:
    action = acting.get("action")
    if isinstance(action, str) and SEPARATOR in action:
        module = action.partition(SEPARATOR)[0]
        if MODULE_NAME.fullmatch(module):
            found.add(module)


def problems(action: str, schema: Schema, parameters: Mapping[str, Any]) -> list[ParameterProblem]:
    """Everything that a JSON Schema has against an action's parameters."""
    return [
        ParameterProblem(path, code, f"the action '{action}': {message}")
        for path, code, message in violations(schema, parameters, of=f"the schema of '{action}'")
    ]


@dataclass(frozen=True, slots=True)
class NewModule:
    """A module as its tenant wants it."""

    endpoint: str
    manifest: Manifest
