"""What a cluster does by itself: copies of Deployments come and go, each look at them a little further.

What a copy does follows from its environment: with ``CRASH`` it ends at once and prints ``no database``, with
``SICK`` it is never ready, and otherwise it answers with its ``VERSION``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DEADLINE_LOOKS = 6
"""After so many looks at copies that are not ready, the progress deadline is over."""


@dataclass
class Deployments:
    """The controller of Deployments, and of the endpoints of Services."""

    looks: dict[str, int] = field(default_factory=dict[str, int])
    """How often each Deployment was looked at since it changed, by its uid."""
    serving: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """The template whose copies take requests, by the uid of its Deployment."""

    def changed(self, live: Mapping[str, Any]) -> None:
        self.looks[live["metadata"]["uid"]] = 0

    def advance(self, live: dict[str, Any]) -> None:
        """One look further: observed, copies made, copies ready."""
        uid, spec = live["metadata"]["uid"], live["spec"]
        self.looks[uid] = look = self.looks.get(uid, 0) + 1
        status = live.setdefault("status", {})
        if look == 1:
            return
        wanted, template = spec.get("replicas", 1), spec["template"]
        old = uid in self.serving and self.serving[uid] != template
        status["observedGeneration"] = live["metadata"]["generation"]
        environment = environment_of(template)
        well = not {"CRASH", "SICK"} & environment.keys()
        if well and look > 2:
            self.serving[uid] = template
            status |= {"replicas": wanted, "updatedReplicas": wanted, "availableReplicas": wanted}
            status["conditions"] = [_progressing("True", "NewReplicaSetAvailable")]
            return
        status |= {"replicas": wanted + old, "updatedReplicas": wanted, "availableReplicas": int(old)}
        over = "CRASH" in environment and look > DEADLINE_LOOKS
        status["conditions"] = [
            _progressing("False", "ProgressDeadlineExceeded")
            if over
            else _progressing("True", "ReplicaSetUpdated")
        ]

    def pods(self, live: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The newest copies of a Deployment, as its pods say."""
        template, name = live["spec"]["template"], live["metadata"]["name"]
        environment = environment_of(template)
        state: dict[str, Any] = {"running": {}}
        if "CRASH" in environment:
            state = {
                "waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}
            }
        ready = not {"CRASH", "SICK"} & environment.keys()
        container = template["spec"]["containers"][0]["name"]
        return [
            {
                "metadata": {"name": f"{name}-{number}", "labels": template["metadata"]["labels"]},
                "status": {"containerStatuses": [{"name": container, "ready": ready, "state": state}]},
            }
            for number in range(live["spec"].get("replicas", 1))
        ]


def environment_of(template: Mapping[str, Any]) -> Mapping[str, str]:
    return {one["name"]: one.get("value", "") for one in template["spec"]["containers"][0].get("env", ())}


def _progressing(status: str, reason: str) -> dict[str, str]:
    return {"type": "Progressing", "status": status, "reason": reason, "message": "as the reason says"}
