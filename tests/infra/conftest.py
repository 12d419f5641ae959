"""The deployments that the tests look at: each profile as it is, and each with every switch the other way."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from examples.hosting import ROOT
from tests.infra.bicep.deployment import Deployment, deploy

MAIN = ROOT / "infra" / "main.bicep"
EXISTING = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/ours"
GIVEN = {
    "environmentName": "acme",
    "location": "westeurope",
    "principalId": "00000000-0000-0000-0000-0000000000d0",
    "tokenClientId": "00000000-0000-0000-0000-0000000000c1",
    "alertEmail": "operators@example.com",
    "sealingKey": "0f" * 32,
}
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "as-it-is": {},
    "public-on-storage": {"network": "public", "durableBackend": "storage", "cosmosCapacity": "serverless"},
    "private-on-scheduler": {"network": "private", "durableBackend": "scheduler"},
    "private-on-storage": {"network": "private", "durableBackend": "storage", "cosmosCapacity": "autoscale"},
    "behind-a-gateway": {"apiManagement": "StandardV2", "containerRegistryId": EXISTING},
    "behind-an-old-gateway": {"apiManagement": "Developer"},
}
PROFILES = ("dev", "test", "prod")
EVERY = [f"{profile}-{variant}" for profile in PROFILES for variant in VARIANTS]


@cache
def deployed(name: str) -> Deployment:
    """The deployment called ``<profile>-<variant>``."""
    profile, _, variant = name.partition("-")
    return deploy(MAIN, {**GIVEN, "profile": profile, **VARIANTS[variant]})


@pytest.fixture(params=EVERY)
def deployment(request: pytest.FixtureRequest) -> Deployment:
    return deployed(request.param)
