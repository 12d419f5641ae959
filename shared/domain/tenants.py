"""What a tenant says about itself: the rules that its administrators set for its intents."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.domain.allowances import NO_ALLOWANCE, Allowance, allowance_errors, ceiling_errors
from shared.domain.errors import FieldError
from shared.domain.pointers import pointer
from shared.domain.standings import Standing
from shared.domain.steps import ACTION_NAME

MAX_ENTRIES: Final = 200
"""Most entries in each list of a tenant's settings."""

_REGISTRY: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9._-]{1,100}){0,8}")


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """What a tenant's intents must keep to.

    Attributes:
        forbidden_actions: names of actions that its intents may not have.
        allowed_registries: where container images may come from, as ``host`` or ``host/path``; None: from
            anywhere.
        allowance: how much of everything there is; where it says nothing, as much as the platform allows.
    """

    forbidden_actions: Sequence[str] = ()
    allowed_registries: Sequence[str] | None = None
    allowance: Allowance = NO_ALLOWANCE

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "TenantSettings":
        return cls(
            stored.get("forbidden_actions", ()), stored.get("allowed_registries"), Allowance.of(stored)
        )

    def to_json(self) -> dict[str, Any]:
        allowed = self.allowed_registries
        return {
            "forbidden_actions": list(self.forbidden_actions),
            "allowed_registries": None if allowed is None else list(allowed),
            **self.allowance.to_json(),
        }


NO_SETTINGS: Final = TenantSettings()
"""Of a tenant whose administrators ask nothing."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant; ``etag`` is the state of its document, times are RFC 3339 in UTC.

    ``ceiling`` is what its settings may allow at most.
    """

    id: str
    created_at: str
    settings: TenantSettings
    ceiling: Allowance
    standing: Standing
    etag: str


def settings_errors(
    settings: TenantSettings, *, before: TenantSettings, ceiling: Allowance
) -> list[FieldError]:
    """Everything wrong with a tenant's settings, which were others ``before``."""
    return [
        *_entry_errors("forbidden_actions", settings.forbidden_actions, re.compile(ACTION_NAME), "an action"),
        *_entry_errors(
            "allowed_registries",
            settings.allowed_registries or (),
            _REGISTRY,
            "a registry, as registry.example.com or ghcr.io/acme (lower case, without https://)",
        ),
        *allowance_errors(settings.allowance, "settings"),
        *ceiling_errors(settings.allowance, before.allowance, ceiling, "settings"),
    ]


def _entry_errors(
    name: str, entries: Sequence[str], form: re.Pattern[str], what: str
) -> Iterator[FieldError]:
    if len(entries) > MAX_ENTRIES:
        yield FieldError(pointer("settings", name), "TOO_MANY", f"there are at most {MAX_ENTRIES} entries")
        return
    for index, entry in enumerate(entries):
        if len(entry) > 400 or not form.fullmatch(entry):
            place = pointer("settings", name, index)
            yield FieldError(place, "VALUE", f"{entry[:80]!r} is not the name of {what}")
