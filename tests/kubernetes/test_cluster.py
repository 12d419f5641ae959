"""What only clusters have: other managers, strict schemas, records beside what is deployed, sign-in."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from typing import Any

import httpx
import pytest

from shared.domain.workloads import Deployment, Port, Probe, Workload
from shared.modules.authorization import OutboundTokens
from shared.modules.kubernetes.cluster import Cluster
from shared.modules.kubernetes.kubeconfig import parse_kubeconfig
from shared.modules.kubernetes.targets import AKS_SCOPE, Clusters
from shared.ports.targets import TargetError
from shared.security.addresses import LOOPBACK
from shared.security.egress import EgressPolicy
from shared.security.outbound import OutboundScope
from shared.security.scope import TenantScope
from tests.kubernetes.server import TOKEN, VIEWER, KubernetesServer, kubeconfig

ACME, GLOBEX = TenantScope("acme"), TenantScope("globex")
WEB = Workload(
    "production",
    "web",
    "registry.example.com/web:1",
    replicas=2,
    ports=[Port(8080)],
    env={"VERSION": "1"},
    readiness=Probe("/health", period=0.2),
    resources={"requests": {"cpu": "100m"}, "limits": {}},
)
CONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings"},
    "data": {"color": "green"},
}


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    server = KubernetesServer()
    yield server
    server.close()


@pytest.fixture
async def clusters() -> AsyncIterator[Clusters]:
    clusters = Clusters(EgressPolicy.allowing(LOOPBACK))
    yield clusters
    await clusters.aclose()


@pytest.fixture
def cluster(server: KubernetesServer, clusters: Clusters) -> Cluster:
    return clusters.of(ACME, kubeconfig(server.url))


async def ready(cluster: Cluster, workload: Workload, key: str) -> Deployment:
    deployment = await cluster.apply(ACME, workload, key=key)
    for _ in range(10):
        if (await cluster.rollout(ACME, deployment)).state == "ready":
            return deployment
    raise AssertionError(await cluster.rollout(ACME, deployment))


def plain(*manifests: Mapping[str, Any], name: str = "web") -> Workload:
    return Workload("production", name, "", manifests=manifests)


async def test_a_workload_is_a_deployment_and_a_service(cluster: Cluster, server: KubernetesServer) -> None:
    await ready(cluster, WEB, "one")
    deployment = server.objects["production", "Deployment", "web"].content
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["periodSeconds"] == 1
    assert container["resources"] == {"requests": {"cpu": "100m"}}
    assert server.objects["production", "Service", "web"].content["spec"]["ports"][0]["port"] == 8080
    assert deployment["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "quantum-platform"


async def test_fields_that_others_manage_are_told_and_nothing_is_changed(
    cluster: Cluster, server: KubernetesServer
) -> None:
    await ready(cluster, WEB, "one")
    server.edit("Deployment", "web", "horizontal-pod-autoscaler", {"spec": {"replicas": 5}})
    with pytest.raises(TargetError) as error:
        await cluster.apply(ACME, Workload.from_json({**WEB.to_json(), "replicas": 3}), key="two")
    assert error.value.code == "CONFLICT"
    assert '.spec.replicas conflict with "horizontal-pod-autoscaler"' in error.value.message
    with pytest.raises(TargetError, match="no such deployment"):
        await cluster.rollout(ACME, Deployment("production", "web", "two"))


async def test_what_is_no_valid_object_changes_nothing(cluster: Cluster, server: KubernetesServer) -> None:
    wrong = {**CONFIG, "dada": {"color": "green"}}
    with pytest.raises(TargetError, match="dada: field not declared in schema") as error:
        await cluster.apply(ACME, plain(CONFIG, {**wrong, "metadata": {"name": "other"}}), key="one")
    assert (error.value.code, error.value.retryable) == ("MANIFEST_INVALID", False)
    assert server.names("ConfigMap") == server.names("Secret") == set()


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ({"kind": "ConfigMap"}, r"manifests\[0\] is no Kubernetes object"),
        ({**CONFIG, "metadata": {"name": "a", "namespace": "kube-system"}}, "of the namespace 'kube-system'"),
        ({**CONFIG, "kind": "ClusterRole"}, "does not belong to a namespace"),
        ({**CONFIG, "status": {}}, "only the cluster writes"),
        ({**CONFIG, "kind": "Widget"}, "has no kind Widget of v1"),
        ({**CONFIG, "apiVersion": "example.com/v1"}, "has nothing of the version 'example.com/v1'"),
    ],
)
async def test_what_is_no_object_of_the_namespace_is_refused(
    cluster: Cluster, manifest: dict[str, Any], message: str
) -> None:
    with pytest.raises(TargetError, match=message) as error:
        await cluster.apply(ACME, plain(manifest), key="one")
    assert error.value.code == "MANIFEST_INVALID"


async def test_what_a_deployment_no_longer_has_goes_and_comes_back_when_it_is_undone(
    cluster: Cluster, server: KubernetesServer
) -> None:
    other = {**CONFIG, "metadata": {"name": "other"}}
    await ready(cluster, plain(CONFIG, other), "one")
    second = await ready(cluster, plain({**CONFIG, "data": {"size": "9"}}), "two")
    assert server.names("ConfigMap") == {"settings"}
    assert server.objects["production", "ConfigMap", "settings"].content["data"] == {"size": "9"}
    await cluster.undo(ACME, second)
    assert server.names("ConfigMap") == {"settings", "other"}
    assert server.objects["production", "ConfigMap", "settings"].content["data"] == {"color": "green"}


async def test_undoing_the_first_removes_what_it_made(cluster: Cluster, server: KubernetesServer) -> None:
    first = await ready(cluster, WEB, "one")
    assert await cluster.undo(ACME, first) is None
    assert server.names("Deployment") == server.names("Service") == set()


@pytest.mark.parametrize("lost", [2, 3, 4, 5], ids=lambda lost: f"request {lost} lost")
async def test_what_was_broken_off_is_finished_when_it_is_done_again(
    cluster: Cluster, server: KubernetesServer, lost: int
) -> None:
    await ready(cluster, WEB, "one")
    newer = Workload.from_json({**WEB.to_json(), "env": {"VERSION": "2"}})
    before = len(server.requests)
    fail_at(server, lost)
    with pytest.raises(TargetError):
        await cluster.apply(ACME, newer, key="two")
    assert len(server.requests) == before + lost
    deployment = await ready(cluster, newer, "two")
    probed = await cluster.probe(ACME, deployment, path="/", seconds=5, limit=10)
    assert probed.body == b"2"
    fail_at(server, 3)
    with pytest.raises(TargetError):
        await cluster.undo(ACME, deployment)
    rollout = await cluster.undo(ACME, deployment)
    assert rollout is not None
    assert rollout.revision == "1"
    environment = server.objects["production", "Deployment", "web"].content["spec"]["template"]["spec"]
    assert environment["containers"][0]["env"] == [{"name": "VERSION", "value": "1"}]


def fail_at(server: KubernetesServer, number: int) -> None:
    """Have the ``number``-th request from now on find the cluster out of order."""
    server.faults[:] = [*([0] * (number - 1)), 503]


async def test_a_name_that_another_tenant_has_there_is_taken(cluster: Cluster) -> None:
    await ready(cluster, WEB, "one")
    with pytest.raises(TargetError, match="is taken in") as error:
        await cluster.apply(GLOBEX, WEB, key="two")
    assert error.value.code == "NAME_TAKEN"


async def test_a_rollout_that_is_stuck_says_what_its_pods_say(cluster: Cluster) -> None:
    crashing = Workload.from_json({**WEB.to_json(), "env": {"CRASH": "1"}})
    deployment = await cluster.apply(ACME, crashing, key="one")
    for _ in range(10):
        rollout = await cluster.rollout(ACME, deployment)
    assert rollout.state == "failed"
    assert "exceeded its progress deadline" in rollout.message
    assert "CrashLoopBackOff back-off restarting failed container, and printed" in rollout.message
    assert rollout.message.endswith("starting\nno database")


@pytest.mark.parametrize(
    ("config", "code", "message"),
    [
        (lambda url: kubeconfig(url, token="over"), "UNAUTHENTICATED", "its token may be over"),
        (lambda url: kubeconfig(url, token=VIEWER), "FORBIDDEN", "give its user a role that may"),
        (lambda _: kubeconfig("http://127.0.0.1:1"), "CLUSTER", "does not answer"),
        (lambda _: kubeconfig("http://169.254.169.254"), "EGRESS_REFUSED", "cannot be reached"),
        (lambda _: "{", "KUBECONFIG", "it is no YAML"),
        (lambda _: "a", "KUBECONFIG", "it is no kubeconfig"),
        (lambda _: "current-context: x", "KUBECONFIG", "it has no context 'x'"),
        (lambda url: kubeconfig(url, exec={"command": "sh"}), "KUBECONFIG", "'exec' signs in by running"),
        (lambda url: kubeconfig(url, tokenFile="/etc/passwd"), "KUBECONFIG", "'tokenFile' reads"),
        (lambda _: kubeconfig("file:///etc/passwd"), "KUBECONFIG", "has no 'server' that is a URL"),
        (
            lambda _: kubeconfig("https://127.0.0.1:1", authority=b"none"),
            "KUBECONFIG",
            "certificates or keys cannot be read",
        ),
    ],
)
async def test_a_cluster_that_cannot_be_used_says_what_to_do(
    server: KubernetesServer, clusters: Clusters, config: Callable[[str], str], code: str, message: str
) -> None:
    with pytest.raises(TargetError, match=message) as error:
        await clusters.of(ACME, config(server.url)).apply(ACME, WEB, key="one")
    assert error.value.code == code


async def test_a_namespace_that_there_is_not_is_told(cluster: Cluster) -> None:
    with pytest.raises(TargetError, match='namespaces "nowhere" not found'):
        await cluster.apply(ACME, Workload.from_json({**WEB.to_json(), "namespace": "nowhere"}), key="one")


async def test_a_record_that_somebody_has_changed_is_told(cluster: Cluster, server: KubernetesServer) -> None:
    deployment = await ready(cluster, WEB, "one")
    server.objects["production", "Secret", "quantum.web"].content["data"]["record"] = "bm9uZQ=="
    with pytest.raises(TargetError, match=r"quantum\.web in production is no record"):
        await cluster.rollout(ACME, deployment)


async def test_a_record_keeps_what_can_be_gone_back_to_when_it_gets_too_large(
    cluster: Cluster, server: KubernetesServer
) -> None:
    from random import Random

    dice = Random(7)
    for number in range(4):
        data = {"noise": dice.randbytes(150_000).hex()}
        deployment = await ready(cluster, plain({**CONFIG, "data": data}), f"key-{number}")
    kept = json.dumps(server.objects["production", "Secret", "quantum.web"].content)
    assert len(kept) < 1_000_000
    restored = await cluster.undo(ACME, deployment)
    assert restored is not None
    assert restored.revision == "3"


def test_a_kubeconfig_tells_how_to_sign_in_and_prints_nothing_of_it() -> None:
    access = parse_kubeconfig(
        kubeconfig("https://cluster.example:6443/", token=None, username="a", password="b")
    )
    assert access.host == "cluster.example:6443"
    assert access.headers() == {"authorization": "Basic YTpi"}
    assert "YTpi" not in repr(access)
    assert "'b'" not in repr(access)


async def test_without_a_user_the_platforms_own_identity_signs_in_where_an_operator_allows_that(
    server: KubernetesServer,
) -> None:
    allowed = OutboundScope.model_validate({"scope": AKS_SCOPE, "origins": (ORIGIN,), "tenants": ["acme"]})
    clusters = Clusters(EgressPolicy.allowing(LOOPBACK), OutboundTokens(Issued(), [allowed]))
    access = parse_kubeconfig(kubeconfig(ORIGIN, token=None))
    assert access.is_anonymous
    text = kubeconfig(server.url, token=None)
    for scope, why in ((ACME, "may not be sent to http://127"), (GLOBEX, "may not get a token")):
        with pytest.raises(TargetError, match=why) as error:
            await clusters.of(scope, text).apply(scope, WEB, key="one")
        assert error.value.code == "AUTH_REFUSED"
    everywhere = allowed.model_copy(update={"origins": (server.url,)})
    clusters = Clusters(EgressPolicy.allowing(LOOPBACK), OutboundTokens(Issued(), [everywhere]))
    await ready(clusters.of(ACME, text), WEB, "one")
    assert server.names("Deployment") == {"web"}
    await clusters.aclose()


ORIGIN = "https://cluster.example:443"


class Issued:
    """The platform's identity, to which the cluster's issuer gives a token for clusters and nothing else."""

    async def token(self, *, scope: str, on_behalf_of: str | None = None) -> str:
        assert (scope, on_behalf_of) == (AKS_SCOPE, None)
        return TOKEN


def watched(server: KubernetesServer, seconds: float) -> Generator[dict[str, Any]]:
    """The events of the Deployments of production, as whoever watches them gets them."""
    query = f"watch=true&timeoutSeconds={seconds:g}"
    url = f"{server.url}/apis/apps/v1/namespaces/production/deployments?{query}"
    with httpx.stream("GET", url, headers={"authorization": f"Bearer {TOKEN}"}, timeout=30) as response:
        for line in response.iter_lines():
            yield json.loads(line)


async def test_whoever_watches_sees_what_is_applied(cluster: Cluster, server: KubernetesServer) -> None:
    await ready(cluster, WEB, "one")
    events = watched(server, 20)
    first = await asyncio.to_thread(next, events)
    assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "web")
    await ready(cluster, Workload.from_json({**WEB.to_json(), "replicas": 3}), "two")
    second = await asyncio.to_thread(next, events)
    assert (second["type"], second["object"]["spec"]["replicas"]) == ("MODIFIED", 3)
    events.close()
