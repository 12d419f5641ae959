"""The platform's own tokens: each way to get one, how long they are kept, and what goes wrong."""

import logging
import threading
from typing import Any

import pytest

from shared.adapters.msal.credentials import KEPT, ClientIdentity, ManagedIdentity
from shared.ports.credentials import CredentialsError, NoCredentials
from tests.credentials.issuer import ENTRA, MANAGED, OTHER, Answer, Endpoints, all_of, refused, unreachable

SCOPE = "api://x/.default"
SECRET = "s3cret-of-the-registration"
CLIENT = ClientIdentity("platform", ENTRA, is_entra=True, secret=SECRET)


@pytest.fixture
def endpoints() -> Endpoints:
    return Endpoints()


@pytest.fixture(autouse=True)
def on_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", MANAGED)
    monkeypatch.setenv("IDENTITY_HEADER", "header-of-this-instance")


async def test_a_registration_signs_in_with_its_secret(endpoints: Endpoints) -> None:
    token = await endpoints.credentials(CLIENT).token(scope=SCOPE)
    (asked,) = endpoints.asked
    assert token == "token-1"
    assert asked.url.startswith(ENTRA)
    wanted = {"grant_type": "client_credentials", "client_id": "platform", "scope": SCOPE}
    assert wanted.items() <= asked.values.items()


async def test_a_registration_of_another_issuer_is_found_by_discovery(endpoints: Endpoints) -> None:
    identity = ClientIdentity("platform", OTHER, is_entra=False, secret=SECRET)
    assert await endpoints.credentials(identity).token(scope=SCOPE) == "token-1"
    assert endpoints.asked[0].url.startswith("https://issuer.example/")


@pytest.mark.parametrize("client_id", [None, "the-user-assigned-one"])
async def test_a_managed_identity_is_asked_for_the_resource(
    endpoints: Endpoints, client_id: str | None
) -> None:
    assert await endpoints.credentials(ManagedIdentity(client_id)).token(scope=SCOPE) == "token-1"
    (asked,) = endpoints.asked
    assert (asked.url, asked.values["resource"]) == (MANAGED, "api://x")
    assert asked.values.get("client_id") == client_id
    assert asked.headers["X-IDENTITY-HEADER"] == "header-of-this-instance"


async def test_a_registration_can_trust_a_managed_identity_instead_of_a_secret(endpoints: Endpoints) -> None:
    identity = ClientIdentity("platform", ENTRA, is_entra=True, federated="the-identity")
    assert await endpoints.credentials(identity).token(scope=SCOPE) == "token-2"
    managed, asked = endpoints.asked
    assert managed.values["resource"] == "api://AzureADTokenExchange"
    assert asked.values["client_assertion"] == "token-1"
    assert "client_secret" not in asked.values


async def test_a_user_can_be_acted_for_each_with_a_token_of_its_own(endpoints: Endpoints) -> None:
    credentials = endpoints.credentials(CLIENT)
    ada = await credentials.token(scope=SCOPE, on_behalf_of="adas-token")
    assert endpoints.asked[0].values["assertion"] == "adas-token"
    assert endpoints.asked[0].values["requested_token_use"] == "on_behalf_of"
    assert "offline_access" not in endpoints.asked[0].values["scope"]
    assert await credentials.token(scope=SCOPE, on_behalf_of="adas-token") == ada
    assert await credentials.token(scope=SCOPE, on_behalf_of="bobs-token") != ada
    assert await credentials.token(scope=SCOPE) != ada
    assert len(endpoints.asked) == 3


async def test_a_managed_identity_acts_for_no_user(endpoints: Endpoints) -> None:
    with pytest.raises(CredentialsError, match="acts for no user") as refusal:
        await endpoints.credentials(ManagedIdentity()).token(scope=SCOPE, on_behalf_of="adas-token")
    assert not refusal.value.retryable


@pytest.mark.parametrize("identity", [CLIENT, ManagedIdentity()], ids=["client", "managed"])
async def test_a_token_is_asked_for_once_and_not_on_the_event_loop(
    endpoints: Endpoints, identity: ClientIdentity | ManagedIdentity
) -> None:
    credentials = endpoints.credentials(identity)
    assert await all_of(credentials, SCOPE, 20) == {"token-1"}
    assert await all_of(credentials, "api://y/.default", 20) == {"token-2"}
    assert threading.get_ident() not in endpoints.threads


@pytest.mark.parametrize(("given", "renewed_after"), [({}, 3300), ({"refresh_in": 1800}, 1800)])
async def test_a_token_is_renewed_in_time(
    endpoints: Endpoints, given: dict[str, Any], renewed_after: float
) -> None:
    credentials = endpoints.credentials(CLIENT)
    endpoints.given = given
    await credentials.token(scope=SCOPE)
    endpoints.clock.advance(renewed_after - 10)
    assert await credentials.token(scope=SCOPE) == "token-1"
    endpoints.clock.advance(10)
    assert await credentials.token(scope=SCOPE) == "token-2"


async def test_a_token_outlives_an_issuer_that_is_away_until_it_ends(endpoints: Endpoints) -> None:
    credentials = endpoints.credentials(CLIENT)
    await credentials.token(scope=SCOPE)
    endpoints.clock.advance(3300)
    endpoints.faults = [unreachable(), unreachable()]
    for _ in range(5):
        assert await credentials.token(scope=SCOPE) == "token-1"
    assert len(endpoints.asked) == 2, "it is left alone for a while"
    endpoints.clock.advance(250)
    with pytest.raises(CredentialsError):
        await credentials.token(scope=SCOPE)
    assert await credentials.token(scope=SCOPE) == "token-4"


async def test_only_so_many_tokens_are_kept(endpoints: Endpoints) -> None:
    credentials = endpoints.credentials(CLIENT)
    first = await credentials.token(scope=SCOPE, on_behalf_of="the first")
    for number in range(KEPT):
        await credentials.token(scope=SCOPE, on_behalf_of=f"user {number}")
    assert await credentials.token(scope=SCOPE, on_behalf_of="the first") != first


@pytest.mark.parametrize(
    ("fault", "identity", "retryable"),
    [
        (unreachable(), CLIENT, True),
        (Answer(503, "busy"), CLIENT, True),
        (Answer(200, "<html>"), CLIENT, True),
        (Answer(200, "{}"), CLIENT, False),
        (refused("temporarily_unavailable"), CLIENT, True),
        (refused("invalid_client", 401), CLIENT, False),
        (refused("invalid_scope"), CLIENT, False),
        (unreachable(), ManagedIdentity(), True),
        (Answer(500, '{"statusCode": 500, "message": "no identity"}'), ManagedIdentity(), True),
        (Answer(404, "not here"), ManagedIdentity(), True),
    ],
    ids=lambda value: value.text if isinstance(value, Answer) else None,
)
async def test_a_fault_says_whether_to_try_again_and_nothing_that_is_the_operators(
    endpoints: Endpoints,
    fault: Answer | Exception,
    identity: ClientIdentity | ManagedIdentity,
    retryable: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    endpoints.faults = [fault]
    with pytest.raises(CredentialsError) as refusal:
        await endpoints.credentials(identity).token(scope=SCOPE)
    assert refusal.value.retryable == retryable
    assert SCOPE in refusal.value.message
    assert "AADSTS" not in refusal.value.message
    assert "no token for api://x/.default" in caplog.text
    assert SECRET not in caplog.text


async def test_nothing_secret_is_logged_or_shown(
    endpoints: Endpoints, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    federated = ClientIdentity("platform", ENTRA, is_entra=True, federated="the-identity")
    for identity in (CLIENT, federated, ManagedIdentity()):
        await endpoints.credentials(identity).token(scope=SCOPE)
    await endpoints.credentials(CLIENT).token(scope=SCOPE, on_behalf_of="adas-token")
    for secret in (SECRET, "token-", "adas-token", "header-of-this-instance"):
        assert secret not in caplog.text + repr(CLIENT)


async def test_a_platform_without_an_identity_gets_no_token() -> None:
    with pytest.raises(CredentialsError, match="QUANTUM_CREDENTIALS") as refusal:
        await NoCredentials().token(scope=SCOPE)
    assert not refusal.value.retryable
