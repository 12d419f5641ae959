"""The secrets port over an encrypted SQLite file, with its key in a file of its own beside it.

The key file is the owner's alone. Who has the database without the key learns names, times and the lengths
of values; a value that was altered, or moved to another version, name or tenant, does not open. A line of the
file is a key: the first seals, and each opens what it has sealed.
"""

import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from localhost.identity.files import create
from localhost.sqlite.documents import utc_now
from localhost.sqlite.readers import Readers
from localhost.sqlite.writer import PATIENCE, StorageUnavailableError, Writer
from shared.ports.secrets import require_storable
from shared.security.scope import TenantScope

_SCHEMA = Path(__file__).with_suffix(".sql")
_NONCE_BYTES = 12
_KEY_BYTES = 32
_LATEST = (
    "SELECT version, sealed FROM versions WHERE tenant_id = ? AND name = ? ORDER BY sequence DESC LIMIT 1"
)
_VERSION = "SELECT version, sealed FROM versions WHERE tenant_id = ? AND name = ? AND version = ?"
_PUT = "INSERT INTO versions (tenant_id, name, version, created_at, sealed) VALUES (?, ?, ?, ?, ?)"
_DELETE = "DELETE FROM versions WHERE tenant_id = ? AND name = ?"
_NAMES = "SELECT DISTINCT name FROM versions WHERE tenant_id = ?"


class SqliteSecrets:
    """Implements :class:`shared.ports.secrets.Secrets`. Several processes may have the file open."""

    def __init__(
        self, path: Path, *, now: Callable[[], datetime] = utc_now, patience: float = PATIENCE
    ) -> None:
        """Open the file and ``<path>.key``, each made if absent.

        Raises:
            UnavailableError: the file cannot be opened or written, or the key file has what is no key.
            OSError: the key file cannot be read or written.
        """
        self._now = now
        self._keys = _keys(path.with_name(f"{path.name}.key"))
        self._writer = Writer(path, _SCHEMA.read_text("utf-8"), patience=patience)
        self._readers = Readers(path)
        path.chmod(0o600)

    def close(self) -> None:
        """Finish the writes that are queued, and close the file."""
        self._writer.close()
        self._readers.close()

    async def compact(self) -> None:
        """Write the file anew, without the bytes of what was deleted."""
        await self._writer.compact()

    async def put(self, scope: TenantScope, *, name: str, value: str) -> str:
        """See :meth:`shared.ports.secrets.Secrets.put`."""
        version = secrets.token_hex(16)
        sealed = self._seal(require_storable(name, value), _place(scope, name, version))
        row = (scope.tenant_id, name, version, self._now().timestamp(), sealed)
        await self._writer.run(partial(_execute, _PUT, row))
        return version

    async def resolve(self, scope: TenantScope, *, name: str, version: str | None = None) -> str | None:
        """See :meth:`shared.ports.secrets.Secrets.resolve`.

        Raises:
            UnavailableError: the file cannot be read, or what it holds does not open with this key.
        """
        of = (scope.tenant_id, name)
        rows = self._readers.rows(_VERSION, (*of, version)) if version else self._readers.rows(_LATEST, of)
        for found, sealed in rows:
            return self._open(sealed, _place(scope, name, found))
        return None

    async def delete(self, scope: TenantScope, *, name: str) -> None:
        """See :meth:`shared.ports.secrets.Secrets.delete`. Nothing is kept of it."""
        await self._writer.run(partial(_execute, _DELETE, (scope.tenant_id, name)))

    async def names(self, scope: TenantScope) -> AsyncIterator[str]:
        """See :meth:`shared.ports.secrets.Secrets.names`."""
        for (name,) in self._readers.rows(_NAMES, (scope.tenant_id,)):
            yield name

    def _seal(self, value: bytes, place: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # 20 ms that a start can do without

        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self._keys[0]).encrypt(nonce, value, place)

    def _open(self, sealed: bytes, place: bytes) -> str:
        from cryptography.exceptions import InvalidTag  # as above
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        for key in self._keys:
            with suppress(InvalidTag, ValueError):  # ValueError: too short to be sealed
                return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place).decode()
        raise StorageUnavailableError("a secret does not open with the keys of this data folder")


def _keys(path: Path) -> list[bytes]:
    lines = create(path, secrets.token_hex(_KEY_BYTES)).split()
    try:
        keys = [bytes.fromhex(line) for line in lines]
    except ValueError:
        keys = []
    if not keys or any(len(key) != _KEY_BYTES for key in keys):
        raise StorageUnavailableError(
            f"{path} is damaged: a line of it must be {2 * _KEY_BYTES} hexadecimal digits; put it back from "
            "a backup, or remove it and the file beside it (and with that every secret) to begin anew"
        )
    return keys


def _execute(sql: str, parameters: tuple[object, ...], connection: sqlite3.Connection) -> None:
    connection.execute(sql, parameters)


def _place(scope: TenantScope, name: str, version: str) -> bytes:
    """What a value is bound to: none of the three has a NUL, so no two places are spelled alike."""
    return f"{scope.tenant_id}\0{name}\0{version}".encode()
