"""Specimens of the module ``kubernetes``, over a target in memory and over a cluster's API."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from shared.modules.fetching import Fetcher
from shared.modules.kubernetes.deployment import DeployToKubernetes, UndoDeployment
from shared.modules.kubernetes.targets import Clusters, Targets
from shared.modules.kubernetes.verification import VerifyDeployment
from shared.security.addresses import LOOPBACK
from shared.security.egress import EgressPolicy
from tests.fakes.targets import FakeTarget
from tests.kubernetes.server import KubernetesServer, kubeconfig
from tests.modules.kit.breaking import Hesitant
from tests.modules.kit.specimen import ACME, Specimen, Surroundings

IMAGE = "registry.example.com/team/web:1"
UP = {"namespace": "production", "image": IMAGE, "name": "web", "replicas": 2, "ports": [8080]}
BEFORE = {**UP, "image": "registry.example.com/team/web:0"}
CRASHES = {"env": {"CRASH": "1"}}
EGRESS = EgressPolicy.allowing(LOOPBACK)


class World:
    """Actions over a target in memory, where a version runs already."""

    def __init__(self) -> None:
        self.target = FakeTarget()
        self.targets = Targets(Hesitant(self.target))

    def deploy(self) -> DeployToKubernetes:
        return DeployToKubernetes(self.targets)

    def undo(self) -> UndoDeployment:
        return UndoDeployment(self.targets)

    def verify(self) -> VerifyDeployment:
        return VerifyDeployment(self.targets, Fetcher(EGRESS))

    async def look(self) -> Any:
        return self.target.standing(ACME)

    async def traces(self) -> Any:
        return self.target.asked(ACME)

    async def deployed(self, key: str, **parameters: Any) -> Any:
        """What is known of a deployment that an earlier step has made."""
        outputs = await Specimen(self.deploy, parameters, key=key).outputs()
        return outputs["deployment"]


@asynccontextmanager
async def deploy(_: Surroundings) -> AsyncGenerator[Specimen]:
    world = World()
    await world.deployed("before", **BEFORE)
    yield Specimen(world.deploy, UP, look=world.look, traces=world.traces, undo=world.undo, failing=CRASHES)


@asynccontextmanager
async def undo(_: Surroundings) -> AsyncGenerator[Specimen]:
    world = World()
    await world.deployed("before", **BEFORE)
    deployment = await world.deployed("deploy", **UP)
    yield Specimen(world.undo, {"deployment": deployment}, look=world.look, traces=world.traces, remains="it")


@asynccontextmanager
async def verify(_: Surroundings) -> AsyncGenerator[Specimen]:
    world = World()
    deployment = await world.deployed("deploy", **UP)
    parameters = {"deployment": deployment, "health_check": "/health"}
    yield Specimen(world.verify, parameters, look=world.look, changes=False)


class Cluster:
    """Actions over the API of a cluster, where a version runs already; each has connections of its own."""

    def __init__(self, server: KubernetesServer, opened: AsyncExitStack) -> None:
        self.server = server
        self._opened = opened
        self.access = {"kubeconfig": kubeconfig(server.url)}

    def targets(self) -> Targets:
        clusters = Clusters(EGRESS)
        self._opened.push_async_callback(clusters.aclose)
        return Targets(None, clusters)

    def deploy(self) -> DeployToKubernetes:
        return DeployToKubernetes(self.targets())

    def undo(self) -> UndoDeployment:
        return UndoDeployment(self.targets())

    async def look(self) -> Any:
        with self.server.lock:
            objects = {f"{kind}/{name}": one.content for (_, kind, name), one in self.server.objects.items()}
        return {name: content["spec"] for name, content in sorted(objects.items()) if "spec" in content}


@asynccontextmanager
async def cluster_deploy(_: Surroundings) -> AsyncGenerator[Specimen]:
    server = KubernetesServer()
    try:
        async with AsyncExitStack() as opened:
            cluster = Cluster(server, opened)
            parameters = {**UP, **cluster.access}
            await Specimen(cluster.deploy, {**BEFORE, **cluster.access}, key="before").outputs()
            yield Specimen(
                cluster.deploy,
                parameters,
                look=cluster.look,
                undo=cluster.undo,
                failing=CRASHES,
                name=str(server.server_port),
            )
    finally:
        server.close()
