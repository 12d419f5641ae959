"""The modules port: tenants' own modules as actions, and how their endpoints have been answering."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from shared.domain.manifests import ModuleVersion
from shared.ports.actions import Action
from shared.security.scope import TenantScope

type CircuitState = Literal["closed", "open", "half-open"]
"""``closed``: calls go through. ``open``: none does. ``half-open``: the next one is let through, to try."""


@dataclass(frozen=True, slots=True)
class Circuit:
    """How an endpoint has been answering this process; ``until`` is when an open one lets a call through."""

    state: CircuitState = "closed"
    failures: int = 0
    until: datetime | None = None


class RemoteModules(Protocol):
    """Makes actions of what modules say that they can do."""

    def action(self, module: ModuleVersion, name: str, keys: Sequence[str]) -> Action:
        """The action ``name`` of the manifest; its calls are signed with each of ``keys``.

        Raises:
            LookupError: the manifest has none of that name.
        """
        ...

    def gone(self, name: str) -> Action:
        """What stands for an action of a module that is not there any more: it fails, saying so."""
        ...

    async def aclose(self) -> None:
        """Close the connections that are kept."""
        ...

    def circuit(self, scope: TenantScope, endpoint: str) -> Circuit:
        """How the tenant's calls of the endpoint have fared."""
        ...
