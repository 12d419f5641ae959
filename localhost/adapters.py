"""The parts list of one machine: every port of the platform, served from a data folder.

Documents, events and secrets may be in Azure, or documents and events in emulators, instead
(``QUANTUM_DOCUMENTS``, ``QUANTUM_EVENTS``, ``QUANTUM_KEY_VAULT``).
The Functions app that the host loads builds its adapters here (``QUANTUM_ADAPTERS=localhost``); the host
then asks :func:`built` for them, to feed its triggers from the same stores and to close them at the end.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from localhost.identity.files import create
from localhost.identity.issuer import NotLocalError, local_issuer
from localhost.orchestrations import HubOrchestrations
from localhost.registry.leavings import LocalLeavings
from localhost.registry.place import local_registry, registry_folder
from localhost.registry.store import Store as RegistryStore
from localhost.sqlite.remains import LocalRemains
from localhost.stores import document_store, event_store, secret_store
from localhost.target.target import LocalTarget
from localhost.triggers.feeds import Sources
from shared.adapters.jwt.issuers import Issuer
from shared.adapters.jwt.keys import JwksSource
from shared.adapters.jwt.verifier import JwtTokens
from shared.adapters.opentelemetry.configured import configured_telemetry
from shared.adapters.system import RandomIds, SystemClock
from shared.ports.adapters import Adapters
from shared.ports.clock import Clock
from shared.ports.credentials import Credentials, NoCredentials
from shared.ports.registries import RegistryPlace
from shared.security.origins import is_loopback
from shared.settings import Settings
from shared.settings_values import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAdapters(Adapters):
    """The adapters of one machine, and what the host needs beside the ports."""

    orchestrations: HubOrchestrations
    registry: RegistryStore | None = None
    """What the registry that this host is has, where it is one."""
    target: LocalTarget | None = None
    sources: Sources
    """The same stores, to feed triggers from."""
    settings: Settings
    """What they were built from."""


_built: list[LocalAdapters] = []


def build(settings: Settings) -> LocalAdapters:
    """Open the stores of ``settings``, making the data folder if it is new.

    Raises:
        SettingsError: a connection or an issuer cannot be used, or the cursor key is damaged.
        UnavailableError: a file cannot be opened or written.
    """
    data = settings.data
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    clock = SystemClock()
    telemetry = configured_telemetry(settings)
    documents, events = document_store(settings, clock, telemetry), event_store(settings, clock)
    secret = secret_store(settings, clock)
    orchestrations = HubOrchestrations()
    place, images = _registry(settings)
    target = LocalTarget(data / "target") if settings.local_target else None
    adapters = LocalAdapters(
        documents=documents.port,
        events=events.port,
        orchestrations=orchestrations,
        remains=LocalRemains(documents.port, events.port, secret.port, orchestrations, images, target),
        tokens=JwtTokens(trusted_issuers(settings), keys=JwksSource(), clock=clock),
        clock=clock,
        ids=RandomIds(clock),
        credentials=_credentials(settings, clock),
        secrets=secret.port,
        cursor_key=_key(data / "cursor.key"),
        telemetry=telemetry,
        local_registry=place,
        leavings=LocalLeavings(images) if images else None,
        registry=images,
        target=target,
        closers=(
            telemetry.close,
            *documents.closers,
            *events.closers,
            *secret.closers,
            *([partial(asyncio.to_thread, images.close)] if images else []),
        ),
        sources={**documents.sources, **events.sources},
        settings=settings,
    )
    _built.append(adapters)
    return adapters


def _key(path: Path) -> bytes:
    """The key in ``path``, made at first use and readable to its owner alone."""
    text = create(path, secrets.token_hex(32))
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise SettingsError(
            f"{path} is damaged: it must have 64 hexadecimal digits; delete it to have a new one made "
            "(cursors and the secrets of webhooks that it sealed are lost with it)"
        ) from error


def trusted_issuers(settings: Settings) -> list[Issuer]:
    """Those of the settings, and the local one: not on a host that others reach, where it must not count."""
    configured: Sequence[Issuer] = ()
    if settings.token_issuers:
        # 5 ms of a start, and most hosts of one machine have no such setting.
        from shared.adapters.jwt.configured import token_issuers

        configured = token_issuers(settings.token_issuers)
    try:
        return [local_issuer(settings.data, settings.host_url), *configured]
    except NotLocalError:
        return [*configured]  # the host says so when it starts


def _registry(settings: Settings) -> tuple[RegistryPlace, RegistryStore] | tuple[None, None]:
    """This host's own registry: none on one that others reach, like the issuer."""
    if not is_loopback(urlsplit(settings.host_url).hostname):
        return None, None
    return local_registry(settings.data, settings.host_url), RegistryStore(registry_folder(settings.data))


def _credentials(settings: Settings, clock: Clock) -> Credentials:
    if not settings.credentials:
        return NoCredentials()
    from shared.adapters.msal.configured import configured_credentials  # 10 ms, likewise

    return configured_credentials(settings, clock)


def built() -> list[LocalAdapters]:
    """What this process has built: one entry for an app of this platform, none for a foreign app."""
    return _built
