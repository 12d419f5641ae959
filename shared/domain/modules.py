"""Modules: sets of actions, told in full to whoever writes intents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shared.domain.actions import SideEffect, Taking, Undoing

type Schema = Mapping[str, Any]
"""A JSON Schema, 2020-12."""
type Support = Literal["callback", "cancel", "dry_run", "poll"]
"""What an action can do beside running: be called back, be stopped, say what it would do, be asked again."""


@dataclass(frozen=True, slots=True)
class ActionManual:
    """An action as people read of it; ``examples`` are steps that intents may have."""

    name: str
    description: str
    side_effect: SideEffect
    parameters: Schema
    outputs: Schema
    supports: Sequence[Support]
    permission: str
    offers: Mapping[str, str]
    takes: Mapping[str, Taking]
    undone_by: Undoing | None
    takes_secrets: Sequence[str]
    examples: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Module:
    """A module with its actions."""

    name: str
    description: str
    actions: Sequence[ActionManual]
