"""Settings: made once from a mapping, with every mistake named by its key."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from localhost.stores import secret_store
from shared.adapters import azure
from shared.adapters.cosmos.documents import CosmosDocuments
from shared.adapters.eventhubs.events import EventHubsEvents
from shared.adapters.keyvault.secrets import KeyVaultSecrets
from shared.adapters.msal.credentials import MsalCredentials
from shared.adapters.system import SystemClock
from shared.domain.quotas import DEFAULTS
from shared.domain.rates import RateLimits
from shared.ports.secrets import NoSecrets
from shared.settings import Connection, Settings
from shared.settings_json import allowance
from shared.settings_values import SettingsError

GOOD = {
    "QUANTUM_ADAPTERS": "localhost",
    "QUANTUM_DATA": "/var/lib/quantum",
    "QUANTUM_HOST_URL": "http://127.0.0.1:7071/",
}

IN_AZURE = {
    "QUANTUM_ADAPTERS": "azure",
    "QUANTUM_HOST_URL": "https://quantum.example",
    "QUANTUM_SEALING_KEY": "0f" * 32,
    "CosmosDBConnection__accountEndpoint": "https://quantum.documents.azure.com:443/",
    "CosmosDBConnection__clientId": "00000000-0000-0000-0000-0000000000a1",
    "EventHubConnection__fullyQualifiedNamespace": "quantum.servicebus.windows.net",
    "EventHubConnection__clientId": "00000000-0000-0000-0000-0000000000a1",
}
COSMOS_STRING = "AccountEndpoint=https://localhost:8081/;AccountKey=a2V5;"
HUBS_STRING = (
    "Endpoint=sb://localhost;SharedAccessKeyName=all;SharedAccessKey=a2V5;UseDevelopmentEmulator=true;"
)


def test_what_is_not_set_has_its_default() -> None:
    settings = Settings.from_mapping(GOOD)
    assert settings.data == Path("/var/lib/quantum")
    assert settings.host_url == "http://127.0.0.1:7071"
    assert settings.max_body_bytes == 1024 * 1024
    assert settings.egress_allow == ()
    assert settings.egress_loopback
    assert settings.audit_retention is None
    assert settings.trusted_proxies == 0


def test_in_azure_the_front_end_is_a_trusted_proxy_unless_more_are_said_to_be() -> None:
    assert Settings.from_mapping(IN_AZURE).trusted_proxies == 1
    assert Settings.from_mapping(IN_AZURE | {"QUANTUM_TRUSTED_PROXIES": "2"}).trusted_proxies == 2


def test_origins_are_taken_as_browsers_send_them() -> None:
    text = "https://console.example, http://localhost:5173,http://[::1]:80"
    origins = Settings.from_mapping(GOOD | {"QUANTUM_CORS_ORIGINS": text}).cors_origins
    assert origins == {b"https://console.example", b"http://localhost:5173", b"http://[::1]:80"}
    assert Settings.from_mapping(GOOD | {"QUANTUM_CORS_ORIGINS": "*"}).cors_origins == {b"*"}
    assert Settings.from_mapping(GOOD).cors_origins == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "console.example",
        "https://console.example/",
        "https://Console.example",
        "null",
        "*,https://a.example",
        "https://*.example",
        "file://x",
        "https://u@a.example",
        "https://a.example b",
    ],
)
def test_what_is_no_origin_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match="QUANTUM_CORS_ORIGINS has "):
        Settings.from_mapping(GOOD | {"QUANTUM_CORS_ORIGINS": text})


@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        (GOOD, True),
        (GOOD | {"QUANTUM_HOST_URL": "http://[::1]:7071"}, True),
        (GOOD | {"QUANTUM_HOST_URL": "http://localhost:7071"}, True),
        (GOOD | {"QUANTUM_EGRESS_LOOPBACK": "refuse"}, False),
        (GOOD | {"QUANTUM_HOST_URL": "http://192.168.1.7:7071"}, False),
        (GOOD | {"QUANTUM_HOST_URL": "http://0.0.0.0:7071"}, False),
        (GOOD | {"QUANTUM_HOST_URL": "http://localhost.example:7071"}, False),
        (GOOD | {"QUANTUM_HOST_URL": "http://192.168.1.7:7071", "QUANTUM_EGRESS_LOOPBACK": "allow"}, True),
        (IN_AZURE, False),
        (IN_AZURE | {"QUANTUM_HOST_URL": "http://127.0.0.1:7071"}, False),
        (IN_AZURE | {"QUANTUM_EGRESS_LOOPBACK": "refuse"}, False),
    ],
)
def test_only_a_host_that_is_its_machines_alone_reaches_it_unless_told(
    values: dict[str, str], *, allowed: bool
) -> None:
    assert Settings.from_mapping(values).egress_loopback == allowed


def test_in_azure_nobody_can_allow_loopback() -> None:
    with pytest.raises(SettingsError, match="QUANTUM_EGRESS_LOOPBACK is 'allow': in Azure"):
        Settings.from_mapping(IN_AZURE | {"QUANTUM_EGRESS_LOOPBACK": "allow"})


def test_audit_records_are_kept_for_days() -> None:
    settings = Settings.from_mapping(GOOD | {"QUANTUM_AUDIT_RETENTION_DAYS": "365"})
    assert settings.audit_retention == timedelta(days=365)


def test_executions_are_kept_for_days_or_for_ever() -> None:
    kept = [
        Settings.from_mapping(GOOD | {"QUANTUM_EXECUTION_RETENTION_DAYS": text}).execution_retention
        for text in ("", "7", "0")
    ]
    assert kept == [timedelta(days=90), timedelta(days=7), None]


def test_a_limit_of_executions_is_a_number_or_none() -> None:
    limits = [
        Settings.from_mapping(GOOD | {"QUANTUM_MAX_CONCURRENT_EXECUTIONS": text}).max_concurrent_executions
        for text in ("", "20", "0")
    ]
    assert limits == [None, 20, None]


def test_a_user_may_send_so_many_requests_unless_the_operator_says_otherwise() -> None:
    said = GOOD | {"QUANTUM_RATE_LIMIT_HOUR": "5000", "QUANTUM_RATE_LIMIT_BURST": "0"}
    assert Settings.from_mapping(GOOD).rate_limits == RateLimits(hour=1000, burst=100)
    assert Settings.from_mapping(said).rate_limits == RateLimits(hour=5000, burst=None)


def test_an_operator_says_what_each_tenant_may_have_and_what_is_left_out_stays() -> None:
    said = GOOD | {"QUANTUM_QUOTAS": '{"intents": 5}', "QUANTUM_MAX_OUTPUT_BYTES": "2048"}
    allowed = allowance(Settings.from_mapping(said))
    assert allowed.quotas == replace(DEFAULTS, intents=5, output_bytes=2048)
    assert allowed.rate_limits == RateLimits(hour=1000, burst=100)
    assert allowance(Settings.from_mapping(GOOD)).quotas == DEFAULTS


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("intents", "QUANTUM_QUOTAS: invalid JSON"),
        ('{"intents": "5"}', r"QUANTUM_QUOTAS\.intents: .*integer"),
        ('{"cats": 5}', r"QUANTUM_QUOTAS\.cats: there is no such quota"),
        ('{"output_bytes": 5000}', r"QUANTUM_QUOTAS\.output_bytes: there is no such quota"),
        ('{"members": 0}', r"QUANTUM_QUOTAS\.members: it is 1 to"),
    ],
)
def test_a_quota_that_is_none_is_named(text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        allowance(Settings.from_mapping(GOOD | {"QUANTUM_QUOTAS": text}))


def test_who_asks_without_a_good_token_is_bounded_unless_the_operator_says_otherwise() -> None:
    said = GOOD | {"QUANTUM_FAILED_SIGN_INS": "0", "QUANTUM_ANONYMOUS_REQUESTS": "50"}
    by_itself, told = Settings.from_mapping(GOOD), Settings.from_mapping(said)
    assert (by_itself.failed_sign_ins, by_itself.anonymous_requests) == (50, 600)
    assert (told.failed_sign_ins, told.anonymous_requests) == (None, 50)


@pytest.mark.parametrize("key", GOOD)
def test_a_missing_key_is_named(key: str) -> None:
    with pytest.raises(SettingsError, match=key):
        Settings.from_mapping({name: value for name, value in GOOD.items() if name != key})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("QUANTUM_ADAPTERS", "aws"),
        ("QUANTUM_DOCUMENTS", "mongo"),
        ("QUANTUM_EVENTS", "kafka"),
        ("QUANTUM_MAX_BODY_BYTES", "much"),
        ("QUANTUM_MAX_BODY_BYTES", "0"),
        ("QUANTUM_MAX_OUTPUT_BYTES", "1.5e6"),
        ("QUANTUM_MAX_OUTPUT_BYTES", "100000000"),
        ("QUANTUM_AUDIT_RETENTION_DAYS", "0"),
        ("QUANTUM_AUDIT_RETENTION_DAYS", "20001"),
        ("QUANTUM_AUDIT_RETENTION_DAYS", "a year"),
        ("QUANTUM_EXECUTION_RETENTION_DAYS", "-1"),
        ("QUANTUM_MAX_CONCURRENT_EXECUTIONS", "many"),
        ("QUANTUM_RATE_LIMIT_HOUR", "-1"),
        ("QUANTUM_RATE_LIMIT_BURST", "10000001"),
        ("QUANTUM_FAILED_SIGN_INS", "some"),
        ("QUANTUM_ANONYMOUS_REQUESTS", "-5"),
        ("QUANTUM_TRUSTED_PROXIES", "-1"),
        ("QUANTUM_TRUSTED_PROXIES", "10"),
        ("QUANTUM_HEARTBEAT_SECONDS", "-1"),
        ("QUANTUM_EGRESS_ALLOW", "10.0.0.0/99"),
        ("QUANTUM_EGRESS_ALLOW", "not a network"),
        ("QUANTUM_EGRESS_LOOPBACK", "yes"),
        ("QUANTUM_TELEMETRY", "azure"),
    ],
)
def test_a_bad_value_is_shown_with_its_key(key: str, value: str) -> None:
    with pytest.raises(SettingsError, match=key) as refused:
        Settings.from_mapping(GOOD | {key: value})
    assert repr(value) in str(refused.value)


def test_telemetry_to_azure_monitor_needs_to_know_where_that_is() -> None:
    with pytest.raises(SettingsError, match="APPLICATIONINSIGHTS_CONNECTION_STRING is not set"):
        Settings.from_mapping(GOOD | {"QUANTUM_TELEMETRY": "azure-monitor"})


def test_egress_is_allowed_by_networks_and_by_host_and_port() -> None:
    settings = Settings.from_mapping(GOOD | {"QUANTUM_EGRESS_ALLOW": "10.1.0.0/16, build.internal:8080"})
    assert settings.egress_allow == ("10.1.0.0/16", "build.internal:8080")


def test_in_azure_services_are_found_as_their_triggers_find_them_and_there_is_no_folder() -> None:
    settings = Settings.from_mapping(IN_AZURE)
    identity = "00000000-0000-0000-0000-0000000000a1"
    assert settings.cosmos == Connection("", "https://quantum.documents.azure.com:443/", identity)
    assert settings.event_hubs == Connection("", "quantum.servicebus.windows.net", identity)
    assert settings.sealing_key == b"\x0f" * 32


@pytest.mark.parametrize("key", [key for key in IN_AZURE if not key.endswith("clientId")])
def test_a_key_that_azure_needs_is_named(key: str) -> None:
    with pytest.raises(SettingsError, match=key):
        Settings.from_mapping({name: value for name, value in IN_AZURE.items() if name != key})


@pytest.mark.parametrize("name", ["CosmosDBConnection", "EventHubConnection"])
def test_a_service_that_is_named_in_two_ways_is_refused_without_showing_the_key(name: str) -> None:
    with pytest.raises(SettingsError, match=name) as refused:
        Settings.from_mapping(IN_AZURE | {name: "AccountKey=hidden"})
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("value", ["0f" * 31, "not hexadecimal" * 8])
def test_a_weak_sealing_key_is_refused_and_not_shown(value: str) -> None:
    with pytest.raises(SettingsError, match="QUANTUM_SEALING_KEY") as refused:
        Settings.from_mapping(IN_AZURE | {"QUANTUM_SEALING_KEY": value})
    assert value not in str(refused.value)


def test_a_reference_that_the_vault_did_not_resolve_is_told_from_a_bad_key() -> None:
    reference = "@Microsoft.KeyVault(SecretUri=https://quantum.vault.azure.net/secrets/sealing-key)"
    with pytest.raises(SettingsError, match="the vault did not give the secret"):
        Settings.from_mapping(IN_AZURE | {"QUANTUM_SEALING_KEY": reference})


def test_keys_are_not_in_what_settings_look_like() -> None:
    values = IN_AZURE | {"CosmosDBConnection": COSMOS_STRING, "CosmosDBConnection__accountEndpoint": ""}
    shown = repr(Settings.from_mapping(values))
    assert "a2V5" not in shown
    assert "\\x0f" not in shown


def test_the_parts_list_of_azure_serves_every_port() -> None:
    platform = {"kind": "managed-identity"}
    adapters = azure.build(Settings.from_mapping(IN_AZURE | {"QUANTUM_CREDENTIALS": json.dumps(platform)}))
    assert isinstance(adapters.documents, CosmosDocuments)
    assert isinstance(adapters.events, EventHubsEvents)
    assert isinstance(adapters.credentials, MsalCredentials)
    assert isinstance(adapters.secrets, NoSecrets)
    assert adapters.cursor_key == b"\x0f" * 32
    assert adapters.ids.new() != adapters.ids.new()


@pytest.mark.parametrize("address", ["https://kv.vault.azure.net", "https://kv.vault.azure.net/"])
def test_tenants_secrets_are_in_the_vault_that_is_named(address: str, tmp_path: Path) -> None:
    named = {"QUANTUM_KEY_VAULT": address}
    assert isinstance(azure.build(Settings.from_mapping(IN_AZURE | named)).secrets, KeyVaultSecrets)
    here = GOOD | {"QUANTUM_DATA": str(tmp_path)}
    assert isinstance(secret_store(Settings.from_mapping(here | named), SystemClock()).port, KeyVaultSecrets)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_vault_is_refused_by_its_key() -> None:
    settings = Settings.from_mapping(IN_AZURE | {"QUANTUM_KEY_VAULT": "http://kv.vault.azure.net"})
    with pytest.raises(SettingsError, match=r"QUANTUM_KEY_VAULT: 'http://kv.vault.azure.net' is no address"):
        azure.build(settings)


@pytest.mark.parametrize(
    ("store", "connection"),
    [
        ({"QUANTUM_DOCUMENTS": "cosmos"}, {"CosmosDBConnection": COSMOS_STRING}),
        ({"QUANTUM_EVENTS": "eventhubs"}, {"EventHubConnection": HUBS_STRING}),
    ],
    ids=["documents", "events"],
)
def test_one_machine_needs_a_connection_only_to_what_is_elsewhere(
    store: dict[str, str], connection: dict[str, str]
) -> None:
    with pytest.raises(SettingsError, match=next(iter(connection))):
        Settings.from_mapping(GOOD | store)
    settings = Settings.from_mapping(GOOD | store | connection)
    assert {settings.documents, settings.events} == {"sqlite", *store.values()}
    assert {settings.cosmos.string, settings.event_hubs.string} == {"", *connection.values()}


async def test_closing_ends_what_was_opened_last_first_even_when_one_fails() -> None:
    ended: list[str] = []

    async def fails() -> None:
        ended.append("second")
        raise OSError("not now")

    async def ends() -> None:
        ended.append("first")

    adapters = replace(azure.build(with_strings()), closers=[ends, fails])
    with pytest.raises(OSError, match="not now"):
        await adapters.close()
    assert ended == ["second", "first"]


def with_strings(cosmos: str = COSMOS_STRING, hubs: str = HUBS_STRING) -> Settings:
    without = {name: value for name, value in IN_AZURE.items() if "Connection__" not in name}
    return Settings.from_mapping(without | {"CosmosDBConnection": cosmos, "EventHubConnection": hubs})


def test_connection_strings_do_in_place_of_identities() -> None:
    assert isinstance(azure.build(with_strings()).events, EventHubsEvents)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        (with_strings(cosmos="AccountEndpoint=https://localhost:8081/"), "CosmosDBConnection"),
        (with_strings(cosmos="AccountKey=a2V5"), "CosmosDBConnection"),
        (with_strings(hubs="Endpoint=sb://localhost"), "EventHubConnection"),
    ],
)
def test_half_a_connection_string_is_refused_by_its_key(settings: Settings, key: str) -> None:
    with pytest.raises(SettingsError, match=key):
        azure.build(settings)
