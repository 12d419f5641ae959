"""What is wrong with a setting is said at the start, with the setting's name."""

from collections.abc import Mapping

import pytest

from shared.bootstrap import compose, load_adapters
from shared.settings import Settings
from shared.settings_values import SettingsError
from tests.worker.settings import IN_AZURE

WRONG = [
    ("CosmosDBConnection__accountEndpoint", ""),
    ("CosmosDBConnection__accountEndpoint", "nonsense"),
    ("CosmosDBConnection__accountEndpoint", "ftp://quantum.invalid"),
    ("CosmosDBConnection", "AccountEndpoint=https://quantum.invalid"),
    ("CosmosDBConnection", "AccountEndpoint=https://quantum.invalid;AccountKey=not base64"),
    ("EventHubConnection__fullyQualifiedNamespace", ""),
    ("EventHubConnection", "Endpoint=sb://quantum.invalid"),
    ("QUANTUM_ADAPTERS", "aws"),
    ("QUANTUM_HOST_URL", ""),
    ("QUANTUM_SEALING_KEY", "@Microsoft.KeyVault(SecretUri=https://vault.invalid/secrets/k)"),
    ("QUANTUM_TOKEN_ISSUERS", "{"),
    ("QUANTUM_CREDENTIALS", "[]"),
    ("QUANTUM_MAX_BODY_BYTES", "many"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    values = {**IN_AZURE, name: value}
    if name in {"CosmosDBConnection", "EventHubConnection"}:  # in place of the address
        values = {key: text for key, text in values.items() if not key.startswith(f"{name}__")}
    with pytest.raises(SettingsError, match=name):
        start(values)


def start(values: Mapping[str, str]) -> None:
    """What ``function_app.py`` does."""
    settings = Settings.from_mapping(values)
    compose(load_adapters(settings), settings)
