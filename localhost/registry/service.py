"""The registry of the local host: where it is, and its parts put together."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.routing import BaseRoute

from localhost.adapters import LocalAdapters
from localhost.registry.access import Access
from localhost.registry.garbage import keep_collecting
from localhost.registry.routes import registry_routes
from shared.wiring.foundation import Foundation
from shared.wiring.tenancy import tenancy_services


@dataclass(frozen=True, slots=True)
class LocalRegistry:
    """The parts for :class:`localhost.services.LocalServices`."""

    routes: Sequence[BaseRoute]
    background: Callable[[], Coroutine[Any, Any, None]]


def open_registry(adapters: LocalAdapters) -> LocalRegistry | None:
    """The registry for what the app has built; None on a host that others reach: it has no TLS."""
    place, store = adapters.local_registry, adapters.registry
    if place is None or place.login is None or store is None:
        return None
    tenancy = tenancy_services(Foundation.of(adapters, adapters.settings))
    access = Access(place.login.password, tenancy)
    return LocalRegistry(registry_routes(store, access, place.origin), partial(keep_collecting, store))
