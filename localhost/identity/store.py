"""The local issuer's durable state: users, services with their secrets, refresh tokens."""

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from localhost.identity.files import identity_folder
from localhost.sqlite.writer import connect

_SCHEMA = Path(__file__).with_name("identity.sql").read_text()
REFRESH_LIFETIME = 30 * 24 * 3600
"""Seconds for which a refresh token that is not used stays good."""


@dataclass(frozen=True, slots=True)
class Session:
    """A user's sign-in at a client, which refresh tokens carry on."""

    client_id: str
    user: str
    scope: str


class IdentityStore:
    """One SQLite file, opened for each piece of work: sign-ins are rare, and nothing is left open."""

    def __init__(self, data: Path) -> None:
        self._path = identity_folder(data) / "identity.db"
        with closing(connect(self._path)) as connection:
            connection.executescript(_SCHEMA)

    def add_user(self, name: str) -> None:
        with self._transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO users VALUES (?)", (name,))

    def users(self) -> list[str]:
        with self._transaction() as connection:
            return [row["name"] for row in connection.execute("SELECT name FROM users ORDER BY name")]

    def has_user(self, name: str) -> bool:
        with self._transaction() as connection:
            return connection.execute("SELECT 1 FROM users WHERE name = ?", (name,)).fetchone() is not None

    def put_client(self, client_id: str) -> str:
        """A new secret for the service; an older one is good no more."""
        secret = secrets.token_urlsafe(32)
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO clients VALUES (?, ?)", (client_id, _digest(secret)))
        return secret

    def is_client(self, client_id: str, secret: str) -> bool:
        with self._transaction() as connection:
            row = connection.execute(
                "SELECT secret FROM clients WHERE client_id = ?", (client_id,)
            ).fetchone()
        return row is not None and hmac.compare_digest(row["secret"], _digest(secret))

    def start_session(self, session: Session, now: float) -> str:
        """The first refresh token of a sign-in."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM refresh_tokens WHERE expires_at <= ?", (now,))
            return _add(connection, session, secrets.token_hex(16), now)

    def refresh(self, token: str, client_id: str, now: float) -> tuple[Session, str] | None:
        """The session of a refresh token, and the token that takes its place; None if it is refused.

        A token that comes a second time was stolen or its thief was first: the whole sign-in ends
        (RFC 9700, section 4.14.2).
        """
        with self._transaction() as connection:
            row = connection.execute(
                "SELECT * FROM refresh_tokens WHERE token = ? AND client_id = ?", (_digest(token), client_id)
            ).fetchone()
            if row is None or row["expires_at"] <= now:
                return None
            if row["used"]:
                connection.execute("DELETE FROM refresh_tokens WHERE family = ?", (row["family"],))
                return None
            connection.execute("UPDATE refresh_tokens SET used = 1 WHERE token = ?", (row["token"],))
            session = Session(row["client_id"], row["user"], row["scope"])
            return session, _add(connection, session, row["family"], now)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(connect(self._path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")


def _add(connection: sqlite3.Connection, session: Session, family: str, now: float) -> str:
    token = secrets.token_urlsafe(32)
    connection.execute(
        "INSERT INTO refresh_tokens VALUES (?, ?, ?, ?, ?, ?, 0)",
        (_digest(token), family, session.client_id, session.user, session.scope, now + REFRESH_LIFETIME),
    )
    return token


def _digest(secret: str) -> bytes:
    # Of 256 random bits: there is nothing to guess that a slow hash would have to protect.
    return hashlib.sha256(secret.encode()).digest()
