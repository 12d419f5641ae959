"""Whose tokens this machine's host takes: the local issuer's, and those of the settings."""

import json
from pathlib import Path

import pytest

from localhost.adapters import trusted_issuers
from localhost.identity.issuer import LOCAL_ISSUER
from shared.settings import Settings
from shared.settings_values import SettingsError
from tests.security.entra import CLIENT_ID, HOME, issuer_name
from tests.security.forge import AUDIENCE, ISSUER

CONFIGURED = [
    {"kind": "entra", "tenants": [HOME], "client_id": CLIENT_ID},
    {"kind": "oidc", "url": ISSUER, "audiences": [AUDIENCE]},
]
NAMES = [issuer_name("v2", HOME), ISSUER]


def trusted(data: Path, url: str, issuers: str) -> list[str]:
    values = {"QUANTUM_ADAPTERS": "localhost", "QUANTUM_DATA": str(data), "QUANTUM_HOST_URL": url}
    settings = Settings.from_mapping(values | {"QUANTUM_TOKEN_ISSUERS": issuers})
    return [issuer.url for issuer in trusted_issuers(settings)]


def test_the_issuers_of_the_settings_are_trusted_beside_the_local_one(tmp_path: Path) -> None:
    assert trusted(tmp_path, "http://127.0.0.1:7071", "") == [LOCAL_ISSUER]
    assert trusted(tmp_path, "http://127.0.0.1:7071", json.dumps(CONFIGURED)) == [LOCAL_ISSUER, *NAMES]


def test_on_a_host_that_others_reach_they_alone_are_trusted(tmp_path: Path) -> None:
    assert trusted(tmp_path, "http://build.example:7071", "") == []
    assert trusted(tmp_path, "http://build.example:7071", json.dumps(CONFIGURED)) == NAMES


def test_a_setting_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"QUANTUM_TOKEN_ISSUERS\[0\].url: it is needed"):
        trusted(tmp_path, "http://127.0.0.1:7071", '[{"kind": "oidc", "audiences": ["x"]}]')
