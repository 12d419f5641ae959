"""The secrets port over an encrypted SQLite file, with its key in a file of its own beside it.

The key file is the owner's alone. Who has the database without the key learns the names of secrets and the
lengths of their values; a value that was altered, or moved to another name or tenant, does not open.
"""

import secrets
import sqlite3
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from localhost.identity.files import create
from localhost.sqlite.writer import StorageUnavailableError, open_store, unavailable
from shared.security.scope import TenantScope

_SCHEMA = Path(__file__).with_suffix(".sql")
_NONCE_BYTES = 12
_GET = "SELECT sealed FROM secrets WHERE tenant_id = ? AND name = ?"
_SET = (
    "INSERT INTO secrets (tenant_id, name, sealed) VALUES (?, ?, ?)"
    " ON CONFLICT (tenant_id, name) DO UPDATE SET sealed = excluded.sealed"
)
_DELETE = "DELETE FROM secrets WHERE tenant_id = ? AND name = ?"
_NAMES = "SELECT name FROM secrets WHERE tenant_id = ? ORDER BY name"


class SqliteSecrets:
    """Implements :class:`shared.ports.secrets.Secrets`. Several processes may have the file open."""

    def __init__(self, path: Path) -> None:
        """Open the file and ``<path>.key``, each made if absent.

        Raises:
            UnavailableError: the file cannot be opened or written.
            OSError: the key file cannot.
        """
        key = create(path.with_name(f"{path.name}.key"), AESGCM.generate_key(256).hex())
        self._cipher = AESGCM(bytes.fromhex(key))
        self._connection = open_store(path, _SCHEMA.read_text("utf-8"))
        path.chmod(0o600)

    def close(self) -> None:
        self._connection.close()

    async def resolve(self, scope: TenantScope, *, name: str) -> str | None:
        """See :meth:`shared.ports.secrets.Secrets.resolve`.

        Raises:
            UnavailableError: the file cannot be read, or what it holds does not open with this key.
        """
        rows = self._execute(_GET, scope.tenant_id, name).fetchall()
        if not rows:
            return None
        sealed: bytes = rows[0]["sealed"]
        try:
            value = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _place(scope, name))
        except (InvalidTag, ValueError) as error:  # ValueError: too short to be sealed
            raise StorageUnavailableError(
                "a secret does not open with the key of this data folder"
            ) from error
        return value.decode()

    def set(self, scope: TenantScope, *, name: str, value: str) -> None:
        """Store the tenant's secret of that name, in place of an older one; durable when it returns."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, value.encode(), _place(scope, name))
        self._execute(_SET, scope.tenant_id, name, sealed)

    def delete(self, scope: TenantScope, *, name: str) -> bool:
        """Forget the tenant's secret of that name; whether there was one."""
        return self._execute(_DELETE, scope.tenant_id, name).rowcount == 1

    def names(self, scope: TenantScope) -> list[str]:
        """The names of the tenant's secrets, in order."""
        return [row["name"] for row in self._execute(_NAMES, scope.tenant_id).fetchall()]

    def _execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
        try:
            return self._connection.execute(sql, parameters)
        except sqlite3.Error as error:
            raise unavailable(error) from error


def _place(scope: TenantScope, name: str) -> bytes:
    """What a value is bound to: a tenant's id has no NUL, so no two places are spelled alike."""
    return f"{scope.tenant_id}\0{name}".encode()
