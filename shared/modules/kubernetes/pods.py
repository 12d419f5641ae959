"""Why copies are not ready: what the cluster says of their pods, and what these printed."""

from collections.abc import Mapping
from typing import Any

from shared.modules.kubernetes.api import ClusterApi
from shared.ports.targets import TargetError


async def problem_of(api: ClusterApi, live: Mapping[str, Any]) -> str:
    """What is wrong with the pods of a Deployment or the like, as far as that is told; or nothing."""
    labels = ((live.get("spec") or {}).get("selector") or {}).get("matchLabels")
    namespace = live["metadata"]["namespace"]
    if not labels:
        return ""
    try:
        for pod in await api.pods(namespace, labels):
            for status in (pod.get("status") or {}).get("containerStatuses", ()):
                if not status.get("ready") and (why := _why(status)):
                    pod_name, container = pod["metadata"]["name"], status["name"]
                    printed = ""
                    if status["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff":
                        printed = await api.printed(namespace, pod_name, container)
                    return f"pod {pod_name}: {why}" + (f", and printed: {printed}" if printed else "")
    except TargetError:  # who may deploy may not always look at pods: then it is not known
        return ""
    return ""


def _why(status: Mapping[str, Any]) -> str:
    """The reason of a container that is not ready."""
    state = status.get("state") or {}
    if waiting := state.get("waiting"):
        reason, message = waiting.get("reason", ""), waiting.get("message", "")
        return "" if reason in {"ContainerCreating", "PodInitializing"} else f"{reason} {message}".strip()
    if ended := state.get("terminated"):
        return f"it ended with status {ended.get('exitCode')} {ended.get('message', '')}".strip()
    return ""
