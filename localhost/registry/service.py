"""The registry of the local host: where it is, and its parts put together."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.routing import BaseRoute

from localhost.adapters import LocalAdapters
from localhost.host import Closer
from localhost.registry.access import Access
from localhost.registry.garbage import keep_collecting
from localhost.registry.place import registry_folder
from localhost.registry.routes import registry_routes
from localhost.registry.store import Store
from shared.wiring.foundation import Foundation
from shared.wiring.tenancy import tenancy_services


@dataclass(frozen=True, slots=True)
class LocalRegistry:
    """The parts for :class:`localhost.services.LocalServices`."""

    routes: Sequence[BaseRoute]
    background: Callable[[], Coroutine[Any, Any, None]]
    close: Closer


def open_registry(adapters: LocalAdapters) -> LocalRegistry | None:
    """The registry for what the app has built; None on a host that others reach: it has no TLS.

    Raises:
        UnavailableError: its folder cannot be used.
    """
    place = adapters.local_registry
    if place is None or place.login is None:
        return None
    tenancy = tenancy_services(Foundation.of(adapters, adapters.settings))
    store = Store(registry_folder(adapters.settings.data))
    access = Access(place.login.password, tenancy.authentication, tenancy.policies)

    async def close() -> None:
        store.close()

    return LocalRegistry(registry_routes(store, access, place.origin), partial(keep_collecting, store), close)
