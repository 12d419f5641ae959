"""The remains port over the files of one machine.

SQLite leaves the bytes of what is deleted or replaced in the file until they are written over. So a file is
written anew without them (``VACUUM``) and its log is cut off; ``secure_delete`` would write zeros at every
change of every tenant, and not even reach what had moved before.
"""

from localhost.orchestrations import HubOrchestrations
from localhost.registry.store import Store as RegistryStore
from localhost.sqlite.documents import SqliteDocuments
from localhost.sqlite.events import SqliteEvents
from localhost.sqlite.secrets import SqliteSecrets
from localhost.target.target import LocalTarget
from shared.security.scope import TenantScope


class LocalRemains:
    """Implements :class:`shared.ports.remains.Remains` for those of the adapters that keep files."""

    def __init__(self, *adapters: object) -> None:
        self._adapters = adapters

    async def forget(self, scope: TenantScope) -> None:
        """See :meth:`shared.ports.remains.Remains.forget`."""
        for adapter in self._adapters:
            match adapter:
                case SqliteDocuments() | SqliteEvents() | RegistryStore() | LocalTarget():
                    await adapter.forget(scope)
                case SqliteSecrets() | HubOrchestrations():
                    await adapter.compact()
                case _:
                    pass  # it is in Azure
