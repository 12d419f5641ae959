"""Modules: sets of actions, told in full to whoever writes intents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from shared.domain.actions import SideEffect, Taking, Undoing
from shared.domain.failures import Failure

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
    failures: Sequence[Failure]
    examples: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a tenant's own module stands.

    Attributes:
        timeouts: seconds that a call of each action may take.
        circuit: ``closed`` as long as its endpoint answers; as this process has found it.
        failures: in a row.
        until: when an open circuit lets a call through.
        key: which it is of those that there have been, from 1.
        previous_key_until: until when calls are signed with the one before, too.
    """

    version: int
    endpoint: str
    timeouts: Mapping[str, float]
    circuit: str
    failures: int
    until: datetime | None
    key: int
    previous_key_until: str | None
    created_at: str
    created_by: str
    updated_at: str
    updated_by: str
    etag: str


@dataclass(frozen=True, slots=True)
class Module:
    """A module with its actions; ``standing`` None: it is built in."""

    name: str
    description: str
    actions: Sequence[ActionManual]
    standing: Standing | None = None
