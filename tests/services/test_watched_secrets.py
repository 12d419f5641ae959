"""What is remembered of a vault that has failed: until when it counts, and that the log is told."""

import logging

import pytest

from shared.domain.causes import FORBIDDEN, MISSING, Cause
from shared.domain.errors import UnavailableError
from shared.ports.secrets import NoSecrets, Secrets
from shared.security.scope import TenantScope
from shared.services.watched import WatchedSecrets
from tests.contracts.test_secrets import names
from tests.fakes.secrets import KeptSecrets

ACME = TenantScope("acme")


class Guarded(KeptSecrets):
    """A vault whose role lets the platform read and not write."""

    cause: Cause = FORBIDDEN

    async def put(self, scope: TenantScope, *, name: str, value: str) -> str:
        raise UnavailableError(cause=self.cause)


async def fails(watched: WatchedSecrets) -> None:
    with pytest.raises(UnavailableError):
        await watched.put(ACME, name="token", value="value")


async def test_while_all_is_well_nothing_is_asked() -> None:
    vault = KeptSecrets()
    watched = WatchedSecrets(vault)
    await watched.put(ACME, name="token", value="value")
    await watched.check()
    assert vault.resolved == 0
    assert await watched.resolve(ACME, name="token") == "value"
    assert await names(watched, ACME) == ["token"]
    await watched.delete(ACME, name="token")
    assert await names(watched, ACME) == []


async def test_what_cannot_be_read_is_tried_again_until_it_can() -> None:
    vault = KeptSecrets()
    watched = WatchedSecrets(vault)
    vault.away = True
    with pytest.raises(UnavailableError):
        await watched.resolve(ACME, name="token")
    with pytest.raises(UnavailableError):
        await watched.check()
    vault.away = False
    for _ in range(2):
        await watched.check()
    assert vault.resolved == 1


async def test_what_cannot_be_put_counts_until_something_is() -> None:
    vault = Guarded()
    watched = WatchedSecrets(vault)
    await fails(watched)
    with pytest.raises(UnavailableError) as told:
        await watched.check()
    assert told.value.cause is FORBIDDEN
    await watched.delete(ACME, name="token")
    await watched.check()


async def test_the_log_is_told_once_of_each_cause(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    vault = Guarded()
    watched = WatchedSecrets(vault)
    for cause in (FORBIDDEN, FORBIDDEN, MISSING):
        vault.cause = cause
        await fails(watched)
    assert [record.getMessage().partition(". To do")[0].partition(" (")[0] for record in caplog.records] == [
        f"secrets: {FORBIDDEN.reason}",
        f"secrets: {MISSING.reason}",
    ]


async def test_a_platform_without_a_vault_says_so_and_has_none() -> None:
    none: Secrets = NoSecrets()
    with pytest.raises(UnavailableError, match="its operator has named no vault") as told:
        await none.put(ACME, name="token", value="value")
    assert told.value.cause is MISSING
    assert await none.resolve(ACME, name="token") is None
    await none.delete(ACME, name="token")
    assert await names(none, ACME) == []
