"""What this machine adds to the platform's own app: sign-in, change feeds, and closing its stores.

The app builds its adapters itself, while it is loaded (``localhost.adapters``); an app that has not is a
foreign one, and gets none of this.
"""

import logging
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.routing import BaseRoute

from localhost.host import Closer, HubFactory, task_hub, task_hub_apart
from localhost.triggers.feeds import Source, Sources
from localhost.welcome import Welcome, welcome

if TYPE_CHECKING:  # the platform's own app alone has these
    from localhost.adapters import LocalAdapters
    from localhost.durable.sidecar import Sidecar
    from localhost.target.target import LocalTarget
    from localhost.triggers.durable import AppWorkers

_log = logging.getLogger("localhost.services")


@dataclass(frozen=True, slots=True)
class LocalServices:
    """The parts for :class:`localhost.host.Host`."""

    routes: Sequence[BaseRoute] = ()
    sources: Sources = field(default_factory=dict)
    closers: Sequence[Closer] = ()
    hub_factory: HubFactory = task_hub_apart
    background: Sequence[Callable[[], Coroutine[Any, Any, None]]] = ()
    """What goes on for as long as the host is up."""
    welcome: Welcome | None = None
    """What a person at the terminal is told first; of a foreign app nothing is known to tell."""


def local_services(data: Path, base_url: str) -> LocalServices:
    """The services for what the loaded app has built; nothing for a foreign app."""
    if "localhost.adapters" not in sys.modules:
        return LocalServices()
    from localhost.adapters import built  # only the platform's own app has imported it, and pays for it
    from localhost.registry.service import open_registry

    sources: dict[tuple[str, str], Source[Any]] = {}
    for adapters in built():
        sources.update(adapters.sources)
    routes = _identity(data, base_url)
    targets = [_connected_target(one) for one in built() if one.target is not None]
    registries = [one for adapters in built() if (one := open_registry(adapters)) is not None]
    return LocalServices(
        [*routes, *(route for one in registries for route in one.routes)],
        sources,
        closers=[
            *(one.close for one in targets),
            *(adapters.close for adapters in built()),
        ],
        background=[*(one.background for one in registries), *(one.start for one in targets)],
        hub_factory=partial(_connected_hub, built()),
        welcome=welcome(
            data,
            base_url,
            signs_in=bool(routes),
            loopback=any(adapters.settings.egress_loopback for adapters in built()),
        ),
    )


def _connected_target(adapters: "LocalAdapters") -> "LocalTarget":
    """The local target, with the platform's registries to have images from."""
    from shared.wiring.foundation import Foundation  # as above

    assert adapters.target is not None
    adapters.target.connect(Foundation.of(adapters, adapters.settings).repositories)
    return adapters.target


def _connected_hub(
    adapters: Sequence["LocalAdapters"], path: Path, workers: "AppWorkers", name: str
) -> "Sidecar":
    """The app's hub, on its own event loop, which the app's services ask without going through gRPC."""
    hub = task_hub(path, workers, name)
    for one in adapters:
        one.orchestrations.connect(hub)
    return hub


def _identity(data: Path, base_url: str) -> Sequence[BaseRoute]:
    from localhost.identity.issuer import NotLocalError  # as above
    from localhost.identity.routes import identity_routes

    try:
        return identity_routes(data, base_url)
    except NotLocalError as error:
        _log.warning("nobody can sign in here: %s", error)
        return ()
