"""What should run here, in a file: what was asked for is kept before anything of it starts."""

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localhost.sqlite.writer import open_store
from shared.domain.workloads import Workload

_SCHEMA = Path(__file__).with_suffix(".sql")
KEPT: Final = 20
"""How many deployments of a workload are remembered, beside the one that it can go back to."""

_PLACES = "SELECT tenant_id, namespace, name FROM workloads ORDER BY tenant_id, namespace, name"
_CURRENT = "SELECT key FROM workloads WHERE tenant_id = ? AND namespace = ? AND name = ?"
_FIND = "SELECT * FROM deployments WHERE tenant_id = ? AND namespace = ? AND name = ? AND key = ?"
_LATEST = "SELECT max(revision) FROM deployments WHERE tenant_id = ? AND namespace = ? AND name = ?"
_ADD = "INSERT INTO deployments VALUES (?, ?, ?, ?, ?, ?, ?)"
_SET = "INSERT OR REPLACE INTO workloads VALUES (?, ?, ?, ?)"
_UNSET = "DELETE FROM workloads WHERE tenant_id = ? AND namespace = ? AND name = ?"
_FORGET_OLD = (
    "DELETE FROM deployments WHERE tenant_id = ? AND namespace = ? AND name = ?"
    " AND revision <= ? AND key IS NOT ?"
)
_ADDRESSES = "SELECT port, listens FROM addresses WHERE tenant_id = ? AND namespace = ? AND name = ?"
_KEEP_ADDRESS = "INSERT OR REPLACE INTO addresses VALUES (?, ?, ?, ?, ?)"
_FORGET = (
    "DELETE FROM workloads WHERE tenant_id = ?",
    "DELETE FROM deployments WHERE tenant_id = ?",
    "DELETE FROM addresses WHERE tenant_id = ?",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Whose workload, and which."""

    tenant_id: str
    namespace: str
    name: str

    @property
    def row(self) -> tuple[str, str, str]:
        return self.tenant_id, self.namespace, self.name


@dataclass(frozen=True, slots=True)
class Asked:
    """A deployment as it was asked for; ``before`` is the key of the one whose place it took."""

    key: str
    revision: int
    workload: Workload
    before: str | None


class State:
    """One file; used from one thread. Every method is one transaction, durable when it returns.

    ``sqlite3.Error`` says that the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._connection = open_store(path, _SCHEMA.read_text("utf-8"))

    def close(self) -> None:
        self._connection.close()

    def places(self) -> Sequence[Place]:
        """Every workload that something should run of."""
        return [Place(*row) for row in self._connection.execute(_PLACES)]

    def images(self) -> Collection[str]:
        """The images of all deployments that are remembered."""
        rows = self._connection.execute("SELECT workload FROM deployments")
        return {json.loads(row["workload"])["image"] for row in rows}

    def current(self, place: Place) -> Asked | None:
        """The deployment that the workload is at."""
        row = self._connection.execute(_CURRENT, place.row).fetchone()
        return None if row is None else self.find(place, row["key"])

    def find(self, place: Place, key: str) -> Asked | None:
        row = self._connection.execute(_FIND, (*place.row, key)).fetchone()
        if row is None:
            return None
        workload = Workload.from_json(json.loads(row["workload"]))
        return Asked(row["key"], row["revision"], workload, row["before"])

    def ask(self, place: Place, workload: Workload, key: str) -> Asked:
        """Put a deployment in the place of the one before; of a key that is known, nothing changes."""
        with self._transaction() as connection:
            if (known := self.find(place, key)) is not None:
                return known
            now = self.current(place)
            latest = connection.execute(_LATEST, place.row).fetchone()[0] or 0
            asked = Asked(key, latest + 1, workload, now.key if now else None)
            content = json.dumps(workload.to_json())
            connection.execute(_ADD, (*place.row, key, asked.revision, content, asked.before))
            connection.execute(_SET, (*place.row, key))
            connection.execute(_FORGET_OLD, (*place.row, asked.revision - KEPT, asked.before))
            return asked

    def take_back(self, place: Place, key: str) -> Asked | None:
        """Go back to what was before the deployment, if the workload is at it; what it is at then."""
        with self._transaction() as connection:
            now = self.current(place)
            if now is None or now.key != key:
                return now
            before = self.find(place, now.before) if now.before is not None else None
            if before is None:
                connection.execute(_UNSET, place.row)
            else:
                connection.execute(_SET, (*place.row, before.key))
            return before

    def addresses(self, place: Place) -> Mapping[int, int]:
        """Where the workload's ports answer."""
        return dict(map(tuple, self._connection.execute(_ADDRESSES, place.row)))

    def keep_address(self, place: Place, port: int, listens: int) -> None:
        with self._transaction() as connection:
            connection.execute(_KEEP_ADDRESS, (*place.row, port, listens))

    def forget(self, tenant_id: str) -> None:
        """Let go of all that a tenant has here."""
        with self._transaction() as connection:
            for statement in _FORGET:
                connection.execute(statement, (tenant_id,))
        self._connection.execute("VACUUM")  # which leaves none of its bytes in the file
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._connection)


class _Transaction:
    """``BEGIN IMMEDIATE``, and a commit or a rollback."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> sqlite3.Connection:
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")
