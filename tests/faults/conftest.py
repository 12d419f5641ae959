"""Who may call, and the server that the stores of these tests are on."""

import time

import pytest

from localhost.identity.minting import mint
from shared.security.permissions import ROLES
from tests.http.harness import Identity


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    made = Identity.of(tmp_path_factory.mktemp("identity"))
    for user in ROLES:
        made.signed[user] = mint(
            made.keys, issuer=made.issuer.url, subject=user, now=time.time(), lifetime=3600
        )
    return made
