"""The local secrets file: its key, its permissions, and what tampering comes to."""

import asyncio
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
    await first.put(ACME, name="token", value="s3cret")
    first.close()
    second = SqliteSecrets(path)
    assert await second.resolve(ACME, name="token") == "s3cret"
    second.close()


async def test_the_files_are_the_owners_alone_and_have_no_value_in_clear(path: Path) -> None:
    store = SqliteSecrets(path)
    await store.put(ACME, name="token", value="a-very-secret-value")
    store.close()
    key = path.with_name("secrets.db.key")
    assert {file.stat().st_mode & 0o777 for file in (path, key)} == {0o600}
    assert all(b"a-very-secret-value" not in file.read_bytes() for file in path.parent.iterdir())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE versions SET sealed = CAST(x'00' || substr(sealed, 2) AS BLOB)",
        "UPDATE versions SET sealed = substr(sealed, 1, length(sealed) - 1)",
        "UPDATE versions SET sealed = x''",
        "UPDATE versions SET tenant_id = CASE tenant_id WHEN 'acme' THEN 'globex' ELSE 'acme' END",
        "UPDATE versions SET name = CASE name WHEN 'token' THEN 'other' ELSE 'token' END",
        "UPDATE versions SET version = version || '0'",
    ],
    ids=["altered", "cut", "emptied", "of another tenant", "of another name", "of another version"],
)
async def test_a_value_that_was_altered_or_moved_does_not_open(
    store: SqliteSecrets, path: Path, change: str
) -> None:
    await store.put(ACME, name="token", value="value")
    await store.put(GLOBEX, name="other" if "name =" in change else "token", value="value")
    alter(path, change)
    with pytest.raises(UnavailableError):
        await store.resolve(ACME, name="other" if "name =" in change else "token")


def test_what_was_deleted_is_not_in_the_file_either(path: Path) -> None:
    async def put_and_delete() -> bytes:
        store = SqliteSecrets(path)
        await store.put(ACME, name="token", value="value")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            ((sealed,),) = connection.execute("SELECT sealed FROM versions").fetchall()
        await store.delete(ACME, name="token")
        store.close()
        return bytes(sealed)

    assert asyncio.run(put_and_delete()) not in path.read_bytes()


async def test_a_closed_file_is_unavailable(store: SqliteSecrets) -> None:
    store.close()
    with pytest.raises(UnavailableError):
        await store.resolve(ACME, name="token")
    with pytest.raises(UnavailableError):
        await store.put(ACME, name="token", value="value")


def key_file(path: Path) -> Path:
    return path.with_name("secrets.db.key")


async def resolved(path: Path, name: str, value: str | None = None) -> str | None:
    """What another process, with the keys as they are now, gets; after it has put ``value``."""
    with contextlib.closing(SqliteSecrets(path)) as store:
        if value is not None:
            await store.put(ACME, name=name, value=value)
        return await store.resolve(ACME, name=name)


async def test_the_first_key_seals_and_each_opens_what_it_has_sealed(path: Path) -> None:
    await resolved(path, "old", "from before")
    before, after = key_file(path).read_text(), "0f" * 32
    key_file(path).write_text(f"{after}\n{before}\n")
    assert await resolved(path, "new", "from after") == "from after"
    assert await resolved(path, "old") == "from before"
    key_file(path).write_text(after)
    assert await resolved(path, "new") == "from after"
    with pytest.raises(UnavailableError, match="does not open"):
        await resolved(path, "old")
    await resolved(path, "old", "put again")
    assert await resolved(path, "old") == "put again"


@pytest.mark.parametrize("text", ["", "ab", "no key at all", "0f" * 32 + "\nab"])
def test_a_damaged_key_file_is_named_to_whoever_starts_the_host(path: Path, text: str) -> None:
    key_file(path).write_text(text)
    with pytest.raises(UnavailableError, match=r"secrets\.db\.key is damaged"):
        SqliteSecrets(path)
