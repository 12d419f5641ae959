"""Settings: made once from a mapping, with every mistake named by its key."""

from pathlib import Path

import pytest

from shared.settings import Settings, SettingsError

GOOD = {
    "QUANTUM_ADAPTERS": "localhost",
    "QUANTUM_DATA": "/var/lib/quantum",
    "QUANTUM_HOST_URL": "http://127.0.0.1:7071/",
}


def test_what_is_not_set_has_its_default() -> None:
    settings = Settings.from_mapping(GOOD)
    assert settings.data == Path("/var/lib/quantum")
    assert settings.host_url == "http://127.0.0.1:7071"
    assert settings.max_body_bytes == 1024 * 1024
    assert settings.egress_allow == ()


@pytest.mark.parametrize("key", GOOD)
def test_a_missing_key_is_named(key: str) -> None:
    with pytest.raises(SettingsError, match=key):
        Settings.from_mapping({name: value for name, value in GOOD.items() if name != key})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("QUANTUM_ADAPTERS", "aws"),
        ("QUANTUM_MAX_BODY_BYTES", "much"),
        ("QUANTUM_MAX_BODY_BYTES", "0"),
        ("QUANTUM_HEARTBEAT_SECONDS", "-1"),
        ("QUANTUM_EGRESS_ALLOW", "10.0.0.0/99"),
        ("QUANTUM_EGRESS_ALLOW", "not a network"),
    ],
)
def test_a_bad_value_is_shown_with_its_key(key: str, value: str) -> None:
    with pytest.raises(SettingsError, match=key) as refused:
        Settings.from_mapping(GOOD | {key: value})
    assert repr(value) in str(refused.value)


def test_egress_is_allowed_by_networks_and_by_host_and_port() -> None:
    settings = Settings.from_mapping(GOOD | {"QUANTUM_EGRESS_ALLOW": "10.1.0.0/16, build.internal:8080"})
    assert settings.egress_allow == ("10.1.0.0/16", "build.internal:8080")
