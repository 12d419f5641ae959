"""Key Vault as it is when it does not just answer: challenges, soft delete, throttling, and faults."""

import logging
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest

from examples.hosting import ROOT
from shared.adapters.keyvault.names import vault_name
from shared.adapters.keyvault.secrets import KeyVaultSecrets, KeyVaultUnavailableError
from shared.domain.causes import FAILING, FORBIDDEN, REFUSED, SLOW, THROTTLED, UNREACHABLE, Cause
from shared.security.scope import TenantScope
from tests.keyvault.server import Fault, KeyVaultServer, RefusedError
from tests.keyvault.vaults import Identity, transport, vault
from tests.managed_identity import IdentityEndpoint

ACME = TenantScope("acme")
VALUE = "hunter2-hunter2"
NO_WAIT = {"Retry-After": "0"}


def test_what_is_no_address_of_a_vault_is_refused_when_it_is_set() -> None:
    for url in ("", "vault", "http://a.vault.azure.net", "https://", "https://a.vault.azure.net/secrets"):
        with pytest.raises(ValueError, match="no address of a vault"):
            KeyVaultSecrets(url)


async def test_a_token_is_asked_for_as_the_challenge_says_and_no_value_is_sent_without_one(
    server: KeyVaultServer,
) -> None:
    identity = Identity(server.token)
    async with vault(server, credential=identity) as secrets:
        await secrets.put(ACME, name="token", value=VALUE)
    assert identity.asked == ["https://vault.localhost/.default"]
    bare = [request for request in server.seen if "authorization" not in request.headers]
    assert [request.body for request in bare] in ([b""], [])
    assert VALUE.encode() in server.seen[-1].body


async def test_a_token_is_not_given_to_who_says_that_it_is_another_service(server: KeyVaultServer) -> None:
    server.resource, server.token = "https://vault.example.com", "another"
    async with vault(server, credential=Identity("a token of the managed identity")) as secrets:
        for _ in range(2):
            with pytest.raises(KeyVaultUnavailableError, match="does not match") as refused:
                await secrets.put(ACME, name="token", value=VALUE)
            assert refused.value.cause is REFUSED
    assert [request.body for request in server.seen[1:]] == [b"", b""][: len(server.seen) - 1]


async def test_the_identity_of_the_process_is_used_where_no_credential_is_given(
    server: KeyVaultServer, identity: type[IdentityEndpoint]
) -> None:
    identity.token = server.token
    async with vault(server, credential=None) as secrets:
        await secrets.put(ACME, name="token", value=VALUE)
        assert await secrets.resolve(ACME, name="token") == VALUE
    (asked,) = identity.asked
    assert parse_qs(urlsplit(asked).query)["resource"] == ["https://vault.localhost"]


async def test_a_token_that_is_not_taken_any_more_is_asked_for_anew(server: KeyVaultServer) -> None:
    identity = Identity(server.token)
    async with vault(server, credential=identity) as secrets:
        await secrets.put(ACME, name="token", value=VALUE)
        server.token = identity.token = "the next token"
        assert await secrets.resolve(ACME, name="token") == VALUE


@pytest.mark.parametrize("looks", [0, 1, 3], ids=["at once", "after a look", "after some"])
async def test_a_name_that_is_being_deleted_or_is_deleted_is_recovered_and_put(
    server: KeyVaultServer, looks: int
) -> None:
    server.slow = looks
    async with vault(server) as secrets:
        before = await secrets.put(ACME, name="token", value="old")
        await secrets.delete(ACME, name="token")
        assert await secrets.resolve(ACME, name="token") is None
        await secrets.put(ACME, name="token", value=VALUE)
        assert await secrets.resolve(ACME, name="token") == VALUE
        assert await secrets.resolve(ACME, name="token", version=before) == "old"
        await secrets.delete(ACME, name="token")
        assert await secrets.resolve(ACME, name="token", version=before) is None


async def test_what_was_purged_can_be_put_anew(server: KeyVaultServer) -> None:
    async with vault(server) as secrets:
        before = await secrets.put(ACME, name="token", value="old")
        await secrets.delete(ACME, name="token")
        server.secrets.clear()
        await secrets.put(ACME, name="token", value=VALUE)
        assert await secrets.resolve(ACME, name="token", version=before) is None


async def test_what_is_being_recovered_is_deleted_when_it_can_be(server: KeyVaultServer) -> None:
    server.slow = 2
    async with vault(server) as secrets:
        await secrets.put(ACME, name="token", value=VALUE)
        server.secrets[vault_name("acme", "token")].state = "being recovered"
        await secrets.delete(ACME, name="token")
        assert await secrets.resolve(ACME, name="token") is None


async def test_a_name_that_stays_in_the_way_is_given_up_in_time(server: KeyVaultServer) -> None:
    server.slow = 10_000
    async with vault(server, patience=0.2) as secrets:
        await secrets.put(ACME, name="token", value=VALUE)
        await secrets.delete(ACME, name="token")
        with pytest.raises(KeyVaultUnavailableError) as given_up:
            await secrets.put(ACME, name="token", value=VALUE)
    assert given_up.value.cause is SLOW


@pytest.mark.parametrize(
    "fault",
    [
        Fault(RefusedError(429, "Throttled", headers=NO_WAIT)),
        Fault(RefusedError(503, "ServiceUnavailable", headers=NO_WAIT)),
        Fault(RefusedError(500, "InternalError")),
        Fault(None),
        Fault(None, applied=True),
    ],
    ids=["throttled", "away", "failing", "broken off", "broken off behind it"],
)
async def test_what_passes_by_itself_is_waited_for(server: KeyVaultServer, fault: Fault) -> None:
    async with vault(server) as secrets:
        await secrets.put(ACME, name="other", value="x")
        for call in ("put", "resolve", "delete"):
            server.faults = [Fault(fault.refusal, applied=fault.applied)]
            if call == "put":
                version = await secrets.put(ACME, name="token", value=VALUE)
            elif call == "resolve":
                assert await secrets.resolve(ACME, name="token", version=version) == VALUE
            else:
                await secrets.delete(ACME, name="token")
            assert server.faults == []
        assert await secrets.resolve(ACME, name="token", version=version) is None


@pytest.mark.parametrize(
    ("refusal", "cause"),
    [
        (RefusedError(429, "Throttled", headers=NO_WAIT), THROTTLED),
        (RefusedError(500, "InternalError"), FAILING),
        (RefusedError(403, "Forbidden", inner="ForbiddenByRbac"), FORBIDDEN),
        (RefusedError(403, "Forbidden", inner="ForbiddenByFirewall"), FORBIDDEN),
        (RefusedError(401, "Unauthorized"), REFUSED),
        (None, UNREACHABLE),
    ],
    ids=["throttled", "failing", "no role", "kept out", "no token", "broken off"],
)
async def test_what_lasts_is_told_with_its_cause(
    server: KeyVaultServer, refusal: RefusedError | None, cause: Cause
) -> None:
    async with vault(server) as secrets:
        await secrets.put(ACME, name="token", value=VALUE)
        server.faults = [Fault(refusal, times=1000)]
        for call in (
            secrets.put(ACME, name="token", value=VALUE),
            secrets.resolve(ACME, name="token"),
            secrets.delete(ACME, name="token"),
            anext(secrets.names(ACME)),
        ):
            with pytest.raises(KeyVaultUnavailableError) as told:
                await call
            assert told.value.cause is cause
            assert VALUE not in f"{told.value} {told.value!r} {told.value.message}"
            assert "vault.localhost" not in told.value.message


async def test_a_vault_that_asks_for_more_time_than_there_is_is_given_up_in_time(
    server: KeyVaultServer,
) -> None:
    async with vault(server, patience=0.2) as secrets:
        server.faults = [Fault(RefusedError(429, "Throttled", headers={"Retry-After": "60"}), times=1000)]
        with pytest.raises(KeyVaultUnavailableError) as given_up:
            await secrets.resolve(ACME, name="token")
    assert given_up.value.cause is SLOW


async def test_a_version_that_its_operator_has_disabled_is_not_taken_for_none(server: KeyVaultServer) -> None:
    async with vault(server) as secrets:
        await secrets.put(ACME, name="token", value=VALUE)
        server.secrets[vault_name("acme", "token")].versions[-1].enabled = False
        with pytest.raises(KeyVaultUnavailableError) as told:
            await secrets.resolve(ACME, name="token")
    assert told.value.cause is FORBIDDEN


async def test_a_server_that_cannot_prove_that_it_is_the_vault_is_sent_nothing(
    server: KeyVaultServer,
) -> None:
    secrets = KeyVaultSecrets(
        "https://other.vault.localhost",
        credential=Identity(server.token),
        pause=0.01,
        transport=transport(server),
    )
    with pytest.raises(KeyVaultUnavailableError) as told:
        await secrets.put(ACME, name="token", value=VALUE)
    await secrets.close()
    assert told.value.cause is UNREACHABLE
    assert server.seen == []


async def test_names_are_the_tenants_own_among_all_pages_and_what_others_keep_there(
    server: KeyVaultServer,
) -> None:
    async with vault(server) as secrets:
        await secrets.put(ACME, name="token", value=VALUE)
        for number in range(30):
            await secrets.put(TenantScope("globex"), name=f"n{number}", value="x")
        client = secrets._opened()
        await client.set_secret("sealing-key", "somebody else's")
        assert [name async for name in secrets.names(ACME)] == ["token"]
        assert len([name async for name in secrets.names(TenantScope("globex"))]) == 30


async def test_no_value_is_in_the_log_at_any_level(
    server: KeyVaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with vault(server) as secrets:
        await secrets.put(ACME, name="token", value=VALUE)
        await secrets.resolve(ACME, name="token")
        server.faults = [Fault(RefusedError(500, "InternalError"), times=1000)]
        with pytest.raises(KeyVaultUnavailableError):
            await secrets.put(ACME, name="token", value=VALUE)
    assert caplog.records
    assert VALUE not in caplog.text
    assert server.token not in caplog.text


def test_the_sdk_is_not_loaded_before_it_is_needed() -> None:
    code = (
        "import sys; from shared.adapters.keyvault.secrets import KeyVaultSecrets;"
        "KeyVaultSecrets('https://a.vault.azure.net');"
        "sys.exit('azure.keyvault' in sys.modules or 'azure.identity' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
