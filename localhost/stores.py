"""Where one machine keeps documents, events and secrets: its own files, or what the settings name instead.

Azure's SDKs are imported only for what is there.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from localhost.sqlite.documents import SqliteDocuments
from localhost.sqlite.events import SqliteEvents
from localhost.sqlite.secrets import SqliteSecrets
from localhost.sqlite.sources import ChangeSource, EventSource
from localhost.triggers.feeds import CHANGES, EVENTS, Sources
from shared.ports.adapters import Closer
from shared.ports.clock import Clock
from shared.ports.documents import CONTAINERS, Documents
from shared.ports.events import Events
from shared.ports.resources import HUB
from shared.ports.secrets import Secrets
from shared.ports.telemetry import Telemetry
from shared.settings import Settings

PARTITIONS = 2
"""Of the log of events: each costs every consumer a look at it, and one process reads them all."""
EVENTS_KEPT = timedelta(days=7)
"""How long the log of events goes back; who reads it later than that has missed some."""


@dataclass(frozen=True, slots=True)
class Store[Port]:
    """What serves a port, and what else the host needs of it."""

    port: Port
    sources: Sources
    closers: Sequence[Closer]


def document_store(settings: Settings, clock: Clock, telemetry: Telemetry) -> Store[Documents]:
    """Where the settings say that documents are.

    Raises:
        SettingsError: the connection cannot be used.
        UnavailableError: the file cannot be opened or written.
    """
    if settings.documents == "cosmos":
        return _cosmos(settings, telemetry)
    store = SqliteDocuments(settings.data / "documents.db", now=clock.now)
    sources = {(CHANGES, one.name): ChangeSource(store, one) for one in CONTAINERS}
    return Store(store, sources, [partial(asyncio.to_thread, store.close)])


def event_store(settings: Settings, clock: Clock) -> Store[Events]:
    """Where the settings say that events are published; it raises as :func:`document_store`."""
    if settings.events == "eventhubs":
        return _event_hub(settings)
    store = SqliteEvents(
        settings.data / "events.db", partitions=PARTITIONS, keep_for=EVENTS_KEPT, now=clock.now
    )
    return Store(store, {(EVENTS, HUB): EventSource(store)}, [partial(asyncio.to_thread, store.close)])


def secret_store(settings: Settings, clock: Clock) -> Store[Secrets]:
    """Where the settings say that tenants' secrets are; it raises as :func:`document_store`."""
    if settings.key_vault:
        from shared.adapters.azure import vault

        secrets, closers = vault(settings.key_vault)
        return Store(secrets, {}, closers)
    store = SqliteSecrets(settings.data / "secrets.db", now=clock.now)
    return Store(store, {}, [partial(asyncio.to_thread, store.close)])


def _cosmos(settings: Settings, telemetry: Telemetry) -> Store[Documents]:
    from localhost.azure.changes import ChangeSource, open_feed
    from shared.adapters.azure import cosmos_account
    from shared.adapters.cosmos.account import metered
    from shared.adapters.cosmos.documents import CosmosDocuments

    account = cosmos_account(settings.cosmos)
    store = CosmosDocuments(account, on_request_units=metered(telemetry))
    feed = open_feed(account)
    sources = {(CHANGES, one.name): ChangeSource(feed, one) for one in CONTAINERS}
    return Store(store, sources, [store.close, feed.close])


def _event_hub(settings: Settings) -> Store[Events]:
    from localhost.azure.events import EventSource
    from shared.adapters.azure import event_hub

    store = event_hub(settings.event_hubs)
    source = EventSource(settings.event_hubs, HUB)
    return Store(store, {(EVENTS, HUB): source}, [store.close])
