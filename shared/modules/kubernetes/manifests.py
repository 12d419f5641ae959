"""Kubernetes objects: those that a workload is, and what all of them have that the platform applies."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.domain.workloads import Probe, Workload
from shared.ports.targets import TargetError

MANAGER: Final = "quantum-platform"
"""The field manager, and what ``app.kubernetes.io/managed-by`` says."""
NAME_LABEL: Final = "app.kubernetes.io/name"
MANAGED_LABEL: Final = "app.kubernetes.io/managed-by"
CLUSTER_WIDE: Final = frozenset(
    {"Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}
)
"""Kinds that belong to no namespace, as a step's manifests may not: a step is about one namespace."""

_CONTAINERS: Final = frozenset({"containers", "initContainers"})

type Manifest = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ObjectId:
    """Which object, in its namespace."""

    api_version: str
    kind: str
    name: str

    @classmethod
    def of(cls, manifest: Manifest) -> "ObjectId":
        return cls(manifest["apiVersion"], manifest["kind"], manifest["metadata"]["name"])

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def images_in(manifests: Any) -> Iterator[str]:
    """The images of all containers in objects, wherever these are in them."""
    match manifests:
        case Mapping():
            for name, value in manifests.items():
                if name in _CONTAINERS and isinstance(value, list):
                    yield from (
                        one["image"]
                        for one in value
                        if isinstance(one, Mapping) and isinstance(one.get("image"), str)
                    )
                yield from images_in(value)
        case list() | tuple():
            for one in manifests:
                yield from images_in(one)


def manifests_of(workload: Workload) -> list[Manifest]:
    """The objects that ``workload`` is: what it says itself, or a Deployment, and a Service for its ports.

    Raises:
        TargetError: it says something that is no object of its namespace.
    """
    if workload.manifests:
        return checked(workload.manifests, workload.namespace)
    labels = {**workload.labels, NAME_LABEL: workload.name, MANAGED_LABEL: MANAGER}
    metadata = {"name": workload.name, "namespace": workload.namespace, "labels": labels}
    selector = {NAME_LABEL: workload.name}
    deployment: Manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": workload.replicas,
            "selector": {"matchLabels": selector},
            "template": {
                "metadata": {"labels": {**workload.labels, **selector}},
                "spec": {"containers": [_container(workload)]},
            },
        },
    }
    if not workload.ports:
        return [deployment]
    ports = [
        {"name": name, "port": port.number, "targetPort": port.number, "protocol": "TCP"}
        for name, port in zip(_port_names(workload), workload.ports, strict=True)
    ]
    service: Manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"selector": selector, "ports": ports},
    }
    return [deployment, service]


def _container(workload: Workload) -> dict[str, Any]:
    container: dict[str, Any] = {"name": workload.name, "image": workload.image}
    if workload.command is not None:
        container["command"] = list(workload.command)
    if workload.args is not None:
        container["args"] = list(workload.args)
    if workload.env:
        container["env"] = [{"name": name, "value": value} for name, value in workload.env.items()]
    if workload.ports:
        container["ports"] = [
            {"name": name, "containerPort": port.number, "protocol": "TCP"}
            for name, port in zip(_port_names(workload), workload.ports, strict=True)
        ]
    if resources := {name: dict(amounts) for name, amounts in workload.resources.items() if amounts}:
        container["resources"] = resources
    if workload.readiness is not None:
        container["readinessProbe"] = _probe(workload.readiness, workload)
    if workload.liveness is not None:
        container["livenessProbe"] = _probe(workload.liveness, workload)
    return container


def _port_names(workload: Workload) -> list[str]:
    return [port.name or f"port-{port.number}" for port in workload.ports]


def _probe(probe: Probe, workload: Workload) -> dict[str, Any]:
    """As Kubernetes has it, in whole seconds."""
    port = probe.port or (workload.ports[0].number if workload.ports else None)
    if port is None:
        raise TargetError("PARAMETERS", "a probe needs a port: give it one, or give the step 'ports'")
    way = {"httpGet": {"path": probe.path, "port": port}} if probe.path else {"tcpSocket": {"port": port}}
    return {
        **way,
        "initialDelaySeconds": round(probe.initial_delay),
        "periodSeconds": max(1, round(probe.period)),
        "timeoutSeconds": max(1, round(probe.timeout)),
        "failureThreshold": probe.failures,
    }


def checked(manifests: Sequence[Any], namespace: str) -> list[Manifest]:
    """Manifests as somebody wrote them, in ``namespace``, each once.

    Raises:
        TargetError: one is no object of this namespace; the message says which.
    """
    made: dict[ObjectId, Manifest] = {}
    for number, manifest in enumerate(manifests):
        at = f"manifests[{number}]"
        match manifest:
            case {
                "apiVersion": str(),
                "kind": str(kind),
                "metadata": {"name": str(), **rest},
            }:
                own = rest.get("namespace", namespace)
            case _:
                raise _invalid(f"{at} is no Kubernetes object: it has apiVersion, kind and metadata.name")
        if kind in CLUSTER_WIDE or kind.endswith("List"):
            raise _invalid(f"{at} is a {kind}, which does not belong to a namespace: apply it by other means")
        if own != namespace:
            raise _invalid(f"{at} is of the namespace {own!r}, the step of {namespace!r}")
        if "status" in manifest or "managedFields" in rest:
            raise _invalid(f"{at} has what only the cluster writes (status or metadata.managedFields)")
        made_one = copy.deepcopy(dict(manifest))
        made_one["metadata"]["namespace"] = namespace
        made_one["metadata"].setdefault("labels", {})[MANAGED_LABEL] = MANAGER
        own_id = ObjectId.of(made_one)
        if own_id in made:
            raise _invalid(f"{at} is a second {own_id}")
        made[own_id] = made_one
    return list(made.values())


def _invalid(why: str) -> TargetError:
    return TargetError("MANIFEST_INVALID", f"the manifests cannot be applied: {why}")
