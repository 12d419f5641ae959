"""The settings of the platform's own identity, and of who may send its tokens where."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.msal.configured import configured_credentials
from shared.adapters.msal.credentials import MsalCredentials
from shared.ports.credentials import NoCredentials
from shared.security.origins import protected_origin
from shared.settings import Settings
from shared.settings_json import outbound_scopes
from shared.settings_values import SettingsError
from tests.credentials.issuer import ENTRA, OTHER
from tests.security.forge import FrozenClock

CLIENT = {"kind": "client", "client_id": "platform", "authority": ENTRA}


def settings(identity: Any = None, *, secret: str = "", scopes: Any = None) -> Settings:
    values = {"QUANTUM_CREDENTIALS": identity, "QUANTUM_CREDENTIALS_SCOPES": scopes}
    texts = {key: json.dumps(value) for key, value in values.items() if value is not None}
    return Settings.from_mapping(
        {
            "QUANTUM_ADAPTERS": "localhost",
            "QUANTUM_DATA": str(Path("/nowhere")),
            "QUANTUM_HOST_URL": "http://127.0.0.1:1",
            "QUANTUM_CREDENTIALS_SECRET": secret,
            **texts,
        }
    )


def test_without_the_setting_there_is_no_identity() -> None:
    assert isinstance(configured_credentials(settings(), FrozenClock()), NoCredentials)
    assert outbound_scopes(settings()) == ()


@pytest.mark.parametrize(
    ("identity", "secret"),
    [
        ({"kind": "managed-identity"}, ""),
        ({"kind": "managed-identity", "client_id": "x"}, ""),
        (CLIENT, "s"),
        (CLIENT | {"managed_identity": "x"}, ""),
        (CLIENT | {"authority": OTHER}, "s"),
    ],
)
def test_an_identity_is_made_without_asking_anybody(identity: Any, secret: str) -> None:
    made = configured_credentials(settings(identity, secret=secret), FrozenClock())
    assert isinstance(made, MsalCredentials)


@pytest.mark.parametrize(
    ("identity", "secret", "mistakes"),
    [
        ([], "", [": input should be an object"]),
        ({"kind": "password"}, "", ["'password'"]),
        ({"kind": "managed-identity"}, "s", ["_SECRET is set, but a managed identity has no secret"]),
        (CLIENT, "", [".managed_identity: give either this or QUANTUM_CREDENTIALS_SECRET"]),
        (CLIENT | {"managed_identity": "x"}, "s", [".managed_identity: give either this or"]),
        (
            {"kind": "client", "authority": "http://issuer.example/x", "secret": "s"},
            "",
            [
                ".client_id: it is needed",
                ".authority: 'http://issuer.example/x' must be",
                ".secret: there is no",
            ],
        ),
        (
            CLIENT | {"authority": "https://issuer.example"},
            "s",
            [".authority: 'https://issuer.example' must"],
        ),
        (CLIENT | {"authority": "https://[::1"}, "s", [".authority: 'https://[::1' is not a URL"]),
        (
            CLIENT | {"authority": "https://login.microsoftonline.com/common"},
            "s",
            [".authority: 'https://login.microsoftonline.com/common' must name the tenant"],
        ),
    ],
)
def test_every_mistake_in_the_identity_is_told(identity: Any, secret: str, mistakes: list[str]) -> None:
    with pytest.raises(SettingsError) as refused:
        configured_credentials(settings(identity, secret=secret), FrozenClock())
    lines = str(refused.value).splitlines()
    assert len(lines) == len(mistakes)
    for line, mistake in zip(lines, mistakes, strict=True):
        assert line.startswith("QUANTUM_CREDENTIALS")
        assert mistake in line


def test_the_secret_is_not_shown_with_the_settings() -> None:
    assert "s3cret" not in repr(settings(CLIENT, secret="s3cret"))


def test_every_mistake_in_the_scopes_is_told() -> None:
    scopes = [
        {"scope": "", "origins": ["http://x.example"], "tenants": "all"},
        {"scope": "a", "origins": [], "tenants": ["Not A Tenant"], "hosts": []},
        {"scope": "a", "origins": ["https://x.example/path", "x.example"], "tenants": []},
    ]
    with pytest.raises(SettingsError) as refused:
        outbound_scopes(settings(scopes=scopes))
    assert str(refused.value).replace("QUANTUM_CREDENTIALS_SCOPES", "").splitlines() == [
        "[0].scope: string should have at least 1 character",
        "[0].origins[0]: 'http://x.example' must be https (http only on loopback)",
        '[0].tenants: it is a list of tenants\' ids, or "any"',
        "[1].origins: at least one is needed",
        "[1].tenants[0]: 'Not A Tenant' is not a tenant's id",
        "[1].hosts: there is no such key",
        "[2].origins[0]: 'https://x.example/path' is not an origin such as https://api.example",
        "[2].origins[1]: 'x.example' is not an origin such as https://api.example",
        '[2].tenants: it is a list of tenants\' ids, or "any"',
    ]


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://API.example", "https://api.example"),
        ("https://api.example:443/", "https://api.example"),
        ("https://api.example:8443", "https://api.example:8443"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:7071", "http://[::1]:7071"),
    ],
)
def test_an_origin_has_one_spelling(text: str, origin: str) -> None:
    assert protected_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://",
        "https://u@x.example",
        "https://x.example?q",
        "https://x.example:99999",
        "ftp://x.example",
    ],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an origin|must be https"):
        protected_origin(text)
