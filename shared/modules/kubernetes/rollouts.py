"""How a rollout stands, judged as ``kubectl rollout status`` does.

The source is k8s.io/kubectl, ``pkg/polymorphichelpers/rollout_status.go``.
"""

from collections.abc import Callable, Mapping
from typing import Any

from shared.domain.workloads import RolloutState

type Standing = tuple[RolloutState, str]
type Live = Mapping[str, Any]
"""An object as the cluster has it."""


def standing(live: Live) -> Standing:
    """How far the object is, and what is waited for; kinds that roll nothing out are ready as they are."""
    judge = _JUDGES.get(live["kind"])
    if judge is None:
        return "ready", ""
    if not _is_observed(live):
        return "progressing", f"{_name(live)}: the cluster has not looked at it yet"
    return judge(live)


def _is_observed(live: Live) -> bool:
    """Whether its status is of what is asked for now."""
    seen: int = (live.get("status") or {}).get("observedGeneration", 0)
    asked: int = live["metadata"].get("generation", 0)
    return live["kind"] == "Job" or seen >= asked


def copies(live: Live) -> tuple[int, int]:
    """How many copies are ready, and how many there should be."""
    status, wanted = live.get("status") or {}, (live.get("spec") or {}).get("replicas", 1)
    match live["kind"]:
        case "Deployment" | "StatefulSet" if not _is_observed(live):
            return 0, wanted
        case "Deployment":  # which counts those of before, too
            old = status.get("replicas", 0) - status.get("updatedReplicas", 0)
            return max(0, status.get("availableReplicas", 0) - old), wanted
        case "StatefulSet":
            return status.get("readyReplicas", 0), wanted
        case "DaemonSet":
            return status.get("numberAvailable", 0), status.get("desiredNumberScheduled", 0)
        case _:
            return 0, 0


def _deployment(live: Live) -> Standing:
    name, status, wanted = _name(live), live.get("status") or {}, live["spec"].get("replicas", 1)
    for condition in status.get("conditions", ()):
        if condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return "failed", f"{name} exceeded its progress deadline: {condition.get('message', '')}"
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            return "progressing", f"{name} cannot make copies: {condition.get('message', '')}"
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < wanted:
        return "progressing", f"{name}: {updated} of {wanted} new copies have been made"
    if status.get("replicas", 0) > updated:
        return "progressing", f"{name}: {status['replicas'] - updated} old copies are still to end"
    if available < updated:
        return "progressing", f"{name}: {available} of {updated} new copies take requests"
    return "ready", ""


def _stateful_set(live: Live) -> Standing:
    name, status, spec = _name(live), live.get("status") or {}, live["spec"]
    wanted = spec.get("replicas", 1)
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        return "ready", ""
    if (ready := status.get("readyReplicas", 0)) < wanted:
        return "progressing", f"{name}: {ready} of {wanted} copies take requests"
    partition = ((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition") or 0
    if partition:
        updated = status.get("updatedReplicas", 0)
        if updated < wanted - partition:
            return "progressing", f"{name}: {updated} of {wanted - partition} new copies have been made"
        return "ready", ""
    if status.get("updateRevision") != status.get("currentRevision"):
        return "progressing", f"{name}: {status.get('updatedReplicas', 0)} of {wanted} copies are new"
    return "ready", ""


def _daemon_set(live: Live) -> Standing:
    name, status = _name(live), live.get("status") or {}
    if (live["spec"].get("updateStrategy") or {}).get("type") == "OnDelete":
        return "ready", ""
    wanted = status.get("desiredNumberScheduled", 0)
    if (updated := status.get("updatedNumberScheduled", 0)) < wanted:
        return "progressing", f"{name}: {updated} of {wanted} new copies have been made"
    if (available := status.get("numberAvailable", 0)) < wanted:
        return "progressing", f"{name}: {available} of {wanted} copies take requests"
    return "ready", ""


def _job(live: Live) -> Standing:
    """A Job is done when it says so; kubectl waits for its condition in the same way."""
    for condition in (live.get("status") or {}).get("conditions", ()):
        if condition.get("status") != "True":
            continue
        if condition.get("type") == "Failed":
            return "failed", f"{_name(live)} failed: {condition.get('message', '')}"
        if condition.get("type") == "Complete":
            return "ready", ""
    return "progressing", f"{_name(live)} runs"


def _name(live: Live) -> str:
    return f"{live['kind']} {live['metadata']['name']}"


_JUDGES: Mapping[str, Callable[[Live], Standing]] = {
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Job": _job,
}
