"""A loaded Functions app: its functions with their bindings, as the host sees them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from localhost.app.hostjson import HostSettings

IN, OUT = 0, 1
"""Binding directions as the worker protocol numbers them (``BindingInfo.Direction``)."""

DURABLE_TRIGGERS = {
    "orchestrationTrigger": "orchestration",
    "activityTrigger": "activity",
    "entityTrigger": "entity",
}


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding; ``properties`` are those of its ``function.json`` form, with settings resolved."""

    type: str
    name: str
    direction: int
    properties: Mapping[str, Any]

    @property
    def is_trigger(self) -> bool:
        return self.direction == IN and self.type.lower().endswith("trigger")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The function's ``@app.retry``: delays between attempts, in the order they are taken."""

    max_retries: int
    first_delay: timedelta
    max_delay: timedelta

    def delay(self, retry: int) -> float:
        """Seconds to wait before retry number ``retry`` (counted from 0)."""
        doubled: float = self.first_delay.total_seconds() * 2 ** min(retry, 32)
        return min(doubled, self.max_delay.total_seconds())


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the app."""

    name: str
    handler: Callable[..., Any]
    is_async: bool
    trigger: Binding
    bindings: tuple[Binding, ...]
    script_file: str
    retry: RetryPolicy | None = None
    wants_context: bool = False
    directory: str = ""
    parameter_types: Mapping[str, Any] = field(default_factory=dict)

    @property
    def inputs(self) -> tuple[Binding, ...]:
        """The input bindings beside the trigger."""
        return tuple(b for b in self.bindings if b.direction == IN and b is not self.trigger)

    @property
    def outputs(self) -> tuple[Binding, ...]:
        return tuple(b for b in self.bindings if b.direction == OUT)

    @property
    def durable_kind(self) -> str | None:
        """``orchestration``, ``activity``, ``entity``, or None."""
        return DURABLE_TRIGGERS.get(self.trigger.type)

    @property
    def durable_name(self) -> str:
        """The name the Durable Task protocol knows this function by."""
        match self.durable_kind:
            case "orchestration":
                return str(self.trigger.properties.get("orchestration") or self.name)
            case "activity":
                return str(self.trigger.properties.get("activity") or self.name)
            case _:
                return str(self.trigger.properties.get("entityName") or self.name).lower()

    @property
    def is_built_in(self) -> bool:
        """Whether the Durable SDK registered it in every app (durable HTTP)."""
        return self.name.startswith("BuiltIn__")


@dataclass(frozen=True, slots=True)
class LoadedApp:
    """A Functions app that was loaded and found to be runnable here."""

    path: Path
    settings: HostSettings
    functions: tuple[Function, ...]
    disabled: tuple[str, ...]
    streams_http: bool
    """Whether HTTP functions use the FastAPI types (the whole app does, or none of it)."""

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def is_durable(self) -> bool:
        return any(
            binding.type == "durableClient" or binding.type in DURABLE_TRIGGERS
            for function in self.functions
            for binding in function.bindings
        )

    def by_trigger(self, trigger_type: str) -> list[Function]:
        return [function for function in self.functions if function.trigger.type == trigger_type]
