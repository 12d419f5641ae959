"""A deployment keeps what it runs, and what ran before, in the build registry."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from shared.modules.containers.registry.build_registry import BuildRegistry
from shared.modules.containers.registry.holds import Holds
from shared.modules.containers.registry.manifests import Manifest
from shared.modules.containers.registry.marks import holds_of
from shared.modules.containers.registry.repositories import Operators, Repositories
from shared.modules.kubernetes.deployment import DeployToKubernetes, UndoDeployment
from shared.modules.kubernetes.targets import Targets
from shared.ports.actions import ActionContext, ActionError, Completed
from shared.ports.registries import LOCAL, RegistryPlace
from tests.fakes.targets import FakeTarget
from tests.modules.registries.images import new_repository, put_image
from tests.modules.registries.leaving import ACME
from tests.registries import EGRESS, RunningRegistry


@dataclass
class Cluster:
    """Deployments of one workload, whose images are in a repository of the build registry."""

    repositories: Repositories
    target: FakeTarget
    context: ActionContext
    name: str

    async def built(self) -> tuple[Manifest, str]:
        """A new image, and how a step before names it."""
        build = self.repositories.build
        image = await put_image(build.registry, self.name)
        return image, f"{build.place.host}/{self.name}@{image.digest}"

    async def deploy(self, key: str, **parameters: Any) -> dict[str, Any]:
        action = DeployToKubernetes(Targets(self.target), self.repositories)
        given = action.Parameters.model_validate({"namespace": "production", "name": "web", **parameters})
        result = await action.run(given, replace(self.context, idempotency_key=key))  # type: ignore[arg-type]
        assert isinstance(result, Completed)
        return action.Outputs.model_validate(dict(result.outputs)).model_dump()

    async def undo(self, outputs: dict[str, Any]) -> None:
        action = UndoDeployment(Targets(self.target), self.repositories)
        given = action.Parameters.model_validate({"deployment": outputs["deployment"]})
        assert isinstance(await action.run(given, self.context), Completed)  # type: ignore[arg-type]

    async def held(self) -> list[str | None]:
        registry = self.repositories.build.registry
        return [await registry.digest(self.name, tag) for tag in holds_of("fake/production/web/0")]


@pytest.fixture
async def cluster(local: RunningRegistry, context: ActionContext) -> AsyncIterator[Cluster]:
    build = BuildRegistry(RegistryPlace(LOCAL, local.url, local.login), EGRESS)
    repositories = Repositories(Operators(build, build, {"azurecr.io": LOCAL}), EGRESS)
    yield Cluster(repositories, FakeTarget(), context, new_repository())
    await repositories.aclose()


async def test_what_runs_and_what_ran_before_is_held(cluster: Cluster) -> None:
    (a, image_a), (b, image_b), (c, image_c) = [await cluster.built() for _ in range(3)]
    outputs = await cluster.deploy("1", image=image_a)
    assert outputs["deployment"]["held"] == [image_a]
    assert await cluster.held() == [a.digest, None]
    for _ in range(2):
        await cluster.deploy("2", image=image_b)
        assert await cluster.held() == [b.digest, a.digest]
    await cluster.deploy("3", image=image_c)
    assert await cluster.held() == [c.digest, b.digest]


async def test_deployments_that_are_undone_never_let_go_of_what_runs(cluster: Cluster) -> None:
    a, image_a = await cluster.built()
    await cluster.deploy("1", image=image_a)
    for key in ("2", "3", "4"):
        _, image = await cluster.built()
        outputs = await cluster.deploy(key, image=image)
        for _ in range(2):
            await cluster.undo(outputs)
        assert (await cluster.held())[0] == a.digest


async def test_a_rollout_that_fails_holds_nothing(cluster: Cluster) -> None:
    a, image_a = await cluster.built()
    await cluster.deploy("1", image=image_a)
    _, image_b = await cluster.built()
    with pytest.raises(ActionError):
        await cluster.deploy("2", image=image_b, env={"CRASH": "1"})
    assert await cluster.held() == [a.digest, None]


async def test_images_of_elsewhere_of_other_tenants_and_that_are_not_there_are_no_matter(
    cluster: Cluster,
) -> None:
    host = cluster.repositories.build.place.host
    none = f"@sha256:{'0' * 64}"
    for image in (
        "registry.example.com/team/web:1",
        f"{host}/globex/app{none}",
        f"{host}/{cluster.name}{none}",
        "azurecr.io/shop:1",
        "no image",
    ):
        assert await Holds(cluster.repositories).hold(ACME, "place", [image]) == []


async def test_every_container_of_manifests_is_held(cluster: Cluster) -> None:
    images = [(await cluster.built())[1] for _ in range(2)]
    pods = {"initContainers": [{"image": images[0]}], "containers": [{"image": images[1]}]}
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"template": {"spec": pods}},
    }
    outputs = await cluster.deploy("1", manifests=[manifest])
    assert sorted(outputs["deployment"]["held"]) == sorted(images)
