"""The builder that an operator has chosen is the one that the platform is put together with."""

from pathlib import Path

import pytest

from localhost.sqlite.documents import SqliteDocuments
from shared.settings_values import SettingsError
from tests.http.conftest import local
from tests.http.harness import Identity
from tests.modules.containers.azure_tasks import ID


@pytest.mark.parametrize("builder", ["builtin", "buildah", "acr"])
async def test_each_builder_can_be_chosen(data: Path, identity: Identity, builder: str) -> None:
    registry = {"build_registry": "https://acme.azurecr.io", "build_registry_id": ID}
    async with local(SqliteDocuments, data, identity, builder=builder, **registry) as world:
        response = await world.send("viewer", "GET", "/modules/containers")
        assert response.status_code == 200, response.text
        assert {"build-container", "build-docker-image"} <= {
            one["name"] for one in response.json()["actions"]
        }


async def test_a_builder_that_lacks_a_setting_is_refused_at_the_start(data: Path, identity: Identity) -> None:
    with pytest.raises(SettingsError, match="QUANTUM_BUILDER is 'acr': QUANTUM_BUILD_REGISTRY"):
        async with local(SqliteDocuments, data, identity, builder="acr"):
            pass
