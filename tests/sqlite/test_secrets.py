"""The local secrets file: its key, its permissions, and what tampering comes to."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from localhost.sqlite.secrets import SqliteSecrets
from shared.domain.errors import UnavailableError
from shared.security.scope import TenantScope

ACME, GLOBEX = TenantScope("acme"), TenantScope("globex")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteSecrets]:
    store = SqliteSecrets(path)
    yield store
    store.close()


def alter(path: Path, sql: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


async def test_secrets_are_found_again_by_the_next_process(path: Path) -> None:
    first = SqliteSecrets(path)
    first.set(ACME, name="token", value="s3cret")
    first.close()
    second = SqliteSecrets(path)
    assert await second.resolve(ACME, name="token") == "s3cret"
    second.close()


def test_the_files_are_the_owners_alone_and_have_no_value_in_clear(path: Path) -> None:
    store = SqliteSecrets(path)
    store.set(ACME, name="token", value="a-very-secret-value")
    store.close()
    key = path.with_name("secrets.db.key")
    assert {file.stat().st_mode & 0o777 for file in (path, key)} == {0o600}
    assert all(b"a-very-secret-value" not in file.read_bytes() for file in path.parent.iterdir())


def test_names_are_listed_and_forgotten(store: SqliteSecrets) -> None:
    for name in ("b", "a"):
        store.set(ACME, name=name, value="x")
    store.set(GLOBEX, name="c", value="x")
    assert store.names(ACME) == ["a", "b"]
    assert store.delete(ACME, name="a") is True
    assert store.delete(ACME, name="a") is False
    assert store.names(ACME) == ["b"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE secrets SET sealed = CAST(x'00' || substr(sealed, 2) AS BLOB)",
        "UPDATE secrets SET sealed = substr(sealed, 1, length(sealed) - 1)",
        "UPDATE secrets SET sealed = x''",
        "UPDATE secrets SET tenant_id = 'acme', name = 'token' WHERE tenant_id = 'globex'",
        "UPDATE secrets SET name = 'token' WHERE name = 'other'",
    ],
    ids=["altered", "cut", "emptied", "of another tenant", "of another name"],
)
async def test_a_value_that_was_altered_or_moved_does_not_open(
    store: SqliteSecrets, path: Path, change: str
) -> None:
    if "WHERE" not in change:
        store.set(ACME, name="token", value="value")
    store.set(GLOBEX if "globex" in change else ACME, name="other", value="value")
    alter(path, change)
    with pytest.raises(UnavailableError):
        await store.resolve(ACME, name="token")


async def test_a_closed_file_is_unavailable(store: SqliteSecrets) -> None:
    store.close()
    with pytest.raises(UnavailableError):
        await store.resolve(ACME, name="token")
