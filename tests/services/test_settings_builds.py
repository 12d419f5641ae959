"""The settings about building images: what they may be, and what is said where they may not."""

from pathlib import Path

import pytest

from shared.settings import Settings
from shared.settings_registries import resource_manager
from shared.settings_values import SettingsError
from tests.services.test_settings import GOOD, IN_AZURE

ID = "/subscriptions/1-2/resourceGroups/my.rg/providers/Microsoft.ContainerRegistry/registries/acme1"


def test_images_are_built_with_nothing_installed_from_no_folder_unless_something_is_said() -> None:
    settings = Settings.from_mapping(GOOD)
    assert (settings.builder, settings.contexts) == ("builtin", None)
    said = GOOD | {"QUANTUM_BUILDER": "buildah", "QUANTUM_CONTEXTS": "/srv/contexts"}
    settings = Settings.from_mapping(said)
    assert (settings.builder, settings.contexts) == ("buildah", Path("/srv/contexts"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (GOOD | {"QUANTUM_BUILDER": "docker"}, "QUANTUM_BUILDER is 'docker': it must be one of"),
        (IN_AZURE | {"QUANTUM_BUILDER": "buildah"}, "QUANTUM_BUILDER is 'buildah': it must be one of"),
        (IN_AZURE | {"QUANTUM_CONTEXTS": "/srv"}, "QUANTUM_CONTEXTS is '/srv': only a local host"),
        (GOOD | {"QUANTUM_MAX_CONTEXT_BYTES": "1"}, "QUANTUM_MAX_CONTEXT_BYTES is '1'"),
    ],
)
def test_what_cannot_be_used_is_named(values: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings.from_mapping(values)


@pytest.mark.parametrize(
    ("registry", "manager"),
    [
        ("https://acme1.azurecr.io", "https://management.azure.com"),
        ("https://acme1.azurecr.us,https://acme1.eu.data.azurecr.us", "https://management.usgovcloudapi.net"),
    ],
)
def test_azures_tasks_are_asked_where_the_registry_is_managed(registry: str, manager: str) -> None:
    said = {"QUANTUM_BUILD_REGISTRY": registry, "QUANTUM_BUILD_REGISTRY_ID": ID}
    assert resource_manager(Settings.from_mapping(IN_AZURE | said)) == manager


@pytest.mark.parametrize(
    ("registry", "id", "message"),
    [
        ("", ID, "must be an Azure Container Registry"),
        ("https://azurecr.io.evil.example", ID, "must be an Azure Container Registry"),
        ("https://acme1.azurecr.io", "", "QUANTUM_BUILD_REGISTRY_ID must be the registry's resource"),
        ("https://acme1.azurecr.io", f"{ID}/../x", "QUANTUM_BUILD_REGISTRY_ID must be"),
    ],
)
def test_azures_tasks_need_a_registry_of_azures_and_its_resource(
    registry: str, id: str, message: str
) -> None:
    said = {"QUANTUM_BUILD_REGISTRY": registry, "QUANTUM_BUILD_REGISTRY_ID": id, "QUANTUM_BUILDER": "acr"}
    with pytest.raises(SettingsError, match=message):
        resource_manager(Settings.from_mapping(IN_AZURE | said))
