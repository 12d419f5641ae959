"""The secrets port: what a tenant's name stands for, now."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from localhost.sqlite.secrets import SqliteSecrets
from shared.ports.secrets import Secrets
from shared.security.scope import TenantScope

ACME, GLOBEX = TenantScope("acme"), TenantScope("globex")


@dataclass(frozen=True)
class Vault:
    """An implementation, and how an operator stores in it (None: takes out)."""

    secrets: Secrets
    put: Callable[[TenantScope, str, str | None], None]


@pytest.fixture(params=["sqlite"])
def vault(tmp_path: Path) -> Iterator[Vault]:
    store = SqliteSecrets(tmp_path / "secrets.db")
    operator = SqliteSecrets(tmp_path / "secrets.db")

    def put(scope: TenantScope, name: str, value: str | None) -> None:
        if value is None:
            operator.delete(scope, name=name)
        else:
            operator.set(scope, name=name, value=value)

    yield Vault(store, put)
    store.close()
    operator.close()


async def test_a_secret_that_was_never_stored_is_none(vault: Vault) -> None:
    assert await vault.secrets.resolve(ACME, name="token") is None


@pytest.mark.parametrize(
    "value", ["s3cret", "", "é😀\n\0", "x" * 100_000], ids=["text", "empty", "any", "long"]
)
async def test_a_secret_resolves_to_its_value(vault: Vault, value: str) -> None:
    vault.put(ACME, "token", value)
    assert await vault.secrets.resolve(ACME, name="token") == value


async def test_a_secret_resolves_to_its_latest_value(vault: Vault) -> None:
    vault.put(ACME, "token", "old")
    assert await vault.secrets.resolve(ACME, name="token") == "old"
    vault.put(ACME, "token", "new")
    assert await vault.secrets.resolve(ACME, name="token") == "new"
    vault.put(ACME, "token", None)
    assert await vault.secrets.resolve(ACME, name="token") is None


async def test_tenants_have_their_own_secrets(vault: Vault) -> None:
    vault.put(ACME, "token", "acme's")
    assert await vault.secrets.resolve(GLOBEX, name="token") is None
    vault.put(GLOBEX, "token", "globex's")
    assert await vault.secrets.resolve(ACME, name="token") == "acme's"


async def test_names_are_told_apart_to_the_letter(vault: Vault) -> None:
    vault.put(ACME, "token", "lower")
    vault.put(ACME, "Token", "upper")
    assert await vault.secrets.resolve(ACME, name="token") == "lower"
    assert await vault.secrets.resolve(ACME, name="token ") is None
