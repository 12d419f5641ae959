from collections.abc import Iterator

import pytest

from tests.modules.kit.service import running_service
from tests.modules.kit.specimen import Surroundings
from tests.registries import local_registry


@pytest.fixture(scope="session")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surroundings]:
    folder = tmp_path_factory.mktemp("kit")
    with (
        running_service() as service,
        local_registry(folder / "registry") as registry,
        local_registry(folder / "elsewhere") as elsewhere,
    ):
        yield Surroundings(folder, service, registry, elsewhere)
