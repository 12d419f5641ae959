"""The targets port: what is asked for runs, in place of what ran, or what ran runs on."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from localhost.target.target import LocalTarget
from shared.domain.workloads import Change, Deployment, Port, Probe, Rollout, Workload
from shared.modules.kubernetes.targets import Clusters
from shared.ports.targets import Probed, Target, TargetError
from shared.security.addresses import LOOPBACK
from shared.security.egress import EgressPolicy
from shared.security.scope import TenantScope
from tests.fakes.targets import FakeTarget
from tests.kubernetes.server import KubernetesServer, kubeconfig
from tests.target.folders import FolderImages

ACME, GLOBEX = TenantScope("acme"), TenantScope("globex")
DEADLINE = 30.0


@dataclass
class Stage:
    """A target, and what it takes for workloads that are well, are never ready, and end at once."""

    target: Target
    good: Callable[[str], Workload]
    sick: Callable[[str], Workload]
    crashing: Callable[[str], Workload]

    async def deployed(self, workload: Workload, key: str, scope: TenantScope = ACME) -> Deployment:
        """The workload, ready."""
        deployment = await self.target.apply(scope, workload, key=key)
        await self.until(deployment, "ready", scope)
        return deployment

    async def until(self, deployment: Deployment, state: str, scope: TenantScope = ACME) -> Rollout:
        end = time.monotonic() + DEADLINE
        while (rollout := await self.target.rollout(scope, deployment)).state != state:
            assert time.monotonic() < end, rollout
            await asyncio.sleep(0.02)
        return rollout

    async def until_silent(self, deployment: Deployment) -> None:
        """Ask until it raises, as nothing answers any more."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            await self.answer(deployment)
            await asyncio.sleep(0.02)

    async def answer(self, deployment: Deployment, scope: TenantScope = ACME) -> str:
        """The version that answers."""
        probed = await self.target.probe(scope, deployment, path="/", seconds=5, limit=100)
        assert probed.status == 200
        return probed.body.decode().split()[0]


@dataclass
class OwnClusters:
    """Each tenant's cluster, as its steps name it."""

    clusters: Mapping[TenantScope, Target]
    name: str = "clusters"

    async def foresee(self, scope: TenantScope, workload: Workload) -> Sequence[Change]:
        return await self.clusters[scope].foresee(scope, workload)

    async def apply(self, scope: TenantScope, workload: Workload, *, key: str) -> Deployment:
        return await self.clusters[scope].apply(scope, workload, key=key)

    async def rollout(self, scope: TenantScope, deployment: Deployment) -> Rollout:
        return await self.clusters[scope].rollout(scope, deployment)

    async def undo(self, scope: TenantScope, deployment: Deployment) -> Rollout | None:
        return await self.clusters[scope].undo(scope, deployment)

    async def probe(
        self, scope: TenantScope, deployment: Deployment, *, path: str, seconds: float, limit: int
    ) -> Probed:
        return await self.clusters[scope].probe(scope, deployment, path=path, seconds=seconds, limit=limit)


@pytest.fixture(params=["fake", "local", "kubernetes"])
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    (tmp_path / "sick").touch()

    def good(version: str) -> Workload:
        probe = Probe("/health", period=0.1)
        env = {"VERSION": version}
        return Workload("production", "web", "web:1", ports=[Port(8080)], env=env, readiness=probe)

    def sick(version: str) -> Workload:
        return replace(good(version), env={"VERSION": version, "SICK": str(tmp_path / "sick")})

    def crashing(version: str) -> Workload:
        return replace(good(version), env={"VERSION": version, "CRASH": "1"})

    if request.param == "fake":
        yield Stage(FakeTarget(), good, sick, crashing)
        return
    if request.param == "kubernetes":
        clusters = Clusters(EgressPolicy.allowing(LOOPBACK))
        servers = {scope: KubernetesServer() for scope in (ACME, GLOBEX)}
        targets = {scope: clusters.of(scope, kubeconfig(server.url)) for scope, server in servers.items()}
        yield Stage(OwnClusters(targets), good, sick, crashing)
        await clusters.aclose()
        for server in servers.values():
            server.close()
        return
    target = LocalTarget(tmp_path / "target", FolderImages(tmp_path / "image"))
    await target.start()
    yield Stage(target, good, sick, crashing)
    await target.close()


async def test_what_is_asked_for_gets_ready_and_answers(stage: Stage) -> None:
    deployment = await stage.target.apply(ACME, replace(stage.good("1"), replicas=2), key="one")
    assert deployment == Deployment("production", "web", "one")
    rollout = await stage.until(deployment, "ready")
    assert (rollout.ready, rollout.replicas, rollout.revision) == (2, 2, "1")
    assert await stage.answer(deployment) == "1"


async def test_the_same_key_does_nothing_twice_also_when_another_has_taken_its_place(stage: Stage) -> None:
    first = await stage.deployed(stage.good("1"), "one")
    assert await stage.target.apply(ACME, stage.good("1"), key="one") == first
    assert (await stage.target.rollout(ACME, first)).revision == "1"
    second = await stage.deployed(stage.good("2"), "two")
    await stage.target.apply(ACME, stage.good("1"), key="one")
    assert (await stage.target.rollout(ACME, second)).state == "ready"
    assert await stage.answer(second) == "2"


async def test_one_that_another_has_taken_the_place_of_has_failed(stage: Stage) -> None:
    first = await stage.deployed(stage.good("1"), "one")
    await stage.deployed(stage.good("2"), "two")
    rollout = await stage.target.rollout(ACME, first)
    assert rollout.state == "failed"
    assert "another deployment has taken its place" in rollout.message


async def test_what_never_gets_ready_takes_nobodys_place(stage: Stage) -> None:
    first = await stage.deployed(stage.good("1"), "one")
    second = await stage.target.apply(ACME, stage.sick("2"), key="two")
    rollout = await stage.target.rollout(ACME, second)
    assert (rollout.state, rollout.ready) == ("progressing", 0)
    assert await stage.answer(first) == "1"
    restored = await stage.target.undo(ACME, second)
    assert restored is not None
    assert restored.revision == "1"
    await stage.until(first, "ready")
    assert await stage.answer(first) == "1"


async def test_what_ends_at_once_fails_and_says_what_it_printed(stage: Stage) -> None:
    deployment = await stage.target.apply(ACME, stage.crashing("1"), key="one")
    rollout = await stage.until(deployment, "failed")
    assert "no database" in rollout.message


async def test_undoing_puts_back_what_ran_before(stage: Stage) -> None:
    first = await stage.deployed(stage.good("1"), "one")
    second = await stage.deployed(stage.good("2"), "two")
    assert await stage.answer(second) == "2"
    for _ in range(2):  # it is idempotent
        assert await stage.target.undo(ACME, second) is not None
    await stage.until(first, "ready")
    assert await stage.answer(first) == "1"
    assert (await stage.target.rollout(ACME, second)).state == "failed"


async def test_undoing_the_first_leaves_nothing(stage: Stage) -> None:
    first = await stage.deployed(stage.good("1"), "one")
    for _ in range(2):
        assert await stage.target.undo(ACME, first) is None
    with pytest.raises(TargetError) as error:
        await stage.until_silent(first)
    assert error.value.retryable


async def test_undoing_what_another_has_taken_the_place_of_changes_nothing(stage: Stage) -> None:
    first = await stage.deployed(stage.good("1"), "one")
    second = await stage.deployed(stage.good("2"), "two")
    restored = await stage.target.undo(ACME, first)
    assert restored is not None
    assert restored.revision == "2"
    assert await stage.answer(second) == "2"


async def test_foreseeing_tells_what_would_change_and_changes_nothing(stage: Stage) -> None:
    assert {change.before for change in await stage.target.foresee(ACME, stage.good("1"))} == {None}
    first = await stage.deployed(stage.good("1"), "one")
    assert await stage.target.foresee(ACME, stage.good("1")) == []
    (change,) = await stage.target.foresee(ACME, replace(stage.good("1"), replicas=3))
    assert change.path.endswith("/replicas")
    assert (change.before, change.after) == (1, 3)
    assert await stage.answer(first) == "1"


async def test_tenants_have_workloads_of_one_name_each_by_itself(stage: Stage) -> None:
    ours = await stage.deployed(stage.good("ours"), "one")
    theirs = await stage.deployed(stage.good("theirs"), "one", GLOBEX)
    assert await stage.answer(ours) == "ours"
    assert await stage.answer(theirs, GLOBEX) == "theirs"
    await stage.target.undo(GLOBEX, theirs)
    assert await stage.answer(ours) == "ours"


async def test_a_deployment_that_nobody_made_is_not_found(stage: Stage) -> None:
    await stage.deployed(stage.good("1"), "one")
    for scope, key in ((ACME, "two"), (GLOBEX, "one")):
        with pytest.raises(TargetError) as error:
            await stage.target.rollout(scope, Deployment("production", "web", key))
        assert error.value.code == "DEPLOYMENT_NOT_FOUND"
