"""The actions that deploy: ``deploy-to-kubernetes``, and ``undo-deployment``, which takes that back."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar, Final

from pydantic import BaseModel

from shared.domain.actions import Taking, Undoing
from shared.domain.images import parse_image
from shared.domain.waiting import Waiting
from shared.domain.workloads import Deployment, Rollout, Workload
from shared.modules.containers.registry.holds import Holds
from shared.modules.containers.registry.repositories import NO_REPOSITORIES, Repositories
from shared.modules.kubernetes.failures import ROLLOUTS
from shared.modules.kubernetes.manifests import images_in
from shared.modules.kubernetes.parameters import (
    CONFIDENTIAL,
    LABEL,
    DeployOutputs,
    DeployParameters,
    UndoOutputs,
    UndoParameters,
)
from shared.modules.kubernetes.targets import Targets, told
from shared.ports.actions import Action, ActionContext, ActionError, Completed, Foreseen, Pending, Result
from shared.ports.targets import Target
from shared.security.redaction import is_mark

NAME: Final = re.compile(LABEL)
FIRST_LOOK, LAST_LOOK = 0.25, 4.0
"""Seconds between two looks at a rollout: each time twice as long as before, up to the last."""
MAX_IMAGES: Final = 100
DEPLOYMENT: Final = "deployment"
"""The kind of what later steps know a deployment by."""


class DeployToKubernetes(Action):
    """Run an image, or Kubernetes manifests, in a namespace, and complete when all copies take requests.

    A rollout that fails, or is not done in the step's time, is undone: what ran before runs on.
    """

    name = "deploy-to-kubernetes"
    module = "kubernetes"
    side_effect = "compensatable"
    own_images = frozenset({"image"})
    takes_secrets = CONFIDENTIAL
    offers: ClassVar[Mapping[str, str]] = MappingProxyType({DEPLOYMENT: "deployment"})
    takes: ClassVar[Mapping[str, Taking]] = MappingProxyType(
        {"image": Taking("image", unless=frozenset({"manifests"}))}
    )
    undone_by = Undoing("undo-deployment", {"deployment": "deployment"}, same=frozenset({"kubeconfig"}))
    failures = ROLLOUTS
    examples = (
        {
            "id": "deploy",
            "action": "deploy-to-kubernetes",
            "namespace": "production",
            "image": "registry.example.com/team/shop:1.4",
            "replicas": 3,
            "ports": [8080],
            "probes": {"readiness": {"path": "/health"}},
        },
    )
    Parameters: ClassVar[type[BaseModel]] = DeployParameters
    Outputs: ClassVar[type[BaseModel]] = DeployOutputs

    def __init__(self, targets: Targets, repositories: Repositories = NO_REPOSITORIES) -> None:
        self._targets = targets
        self._repositories = repositories
        self._holds = Holds(repositories)

    def where(self, parameters: Mapping[str, Any]) -> str | None:
        return self._targets.where(parameters)

    async def run(self, parameters: DeployParameters, context: ActionContext) -> Result:
        target = self._targets.of(context.scope, parameters.kubeconfig)
        workload = await self._found(_workload(parameters), context)
        with told():
            deployment = await target.apply(context.scope, workload, key=context.idempotency_key)
        return await self._standing(target, workload, deployment, context)

    async def poll(self, token: Any, parameters: DeployParameters, context: ActionContext) -> Result:
        target = self._targets.of(context.scope, parameters.kubeconfig)
        workload = replace(_workload(parameters), image=token["image"])
        deployment = _deployment(workload, context)
        return await self._standing(target, workload, deployment, context, looks=token["looks"] + 1)

    async def cancel(self, token: Any, parameters: DeployParameters, context: ActionContext) -> Result | None:
        """Put back what ran before, unless the rollout is done by now."""
        del token
        target, workload = self._targets.of(context.scope, parameters.kubeconfig), _workload(parameters)
        with told():
            await target.undo(context.scope, _deployment(workload, context))
        return None

    async def dry_run(self, parameters: DeployParameters, context: ActionContext) -> Foreseen:
        workload = await self._found(_workload(parameters), context)
        place = f"{workload.namespace}/{workload.name}"
        if is_mark(parameters.kubeconfig or ""):
            # No secret is given to a dry run, so there is no cluster to ask.
            known = {"namespace": workload.namespace, "name": workload.name, "replicas": workload.replicas}
            where = self.where(parameters.model_dump())
            return Foreseen({"target": where, "deploy": place}, {**known, "image": workload.image or None})
        target = self._targets.of(context.scope, parameters.kubeconfig)
        with told():
            changes = await target.foresee(context.scope, workload)
        would = {
            "target": target.name,
            "deploy": place,
            "changes": [change.to_json() for change in changes],
        }
        deployment = _deployment(workload, context)
        foreseen = _outputs(target, workload, deployment, Rollout("ready", "", workload.replicas, 0))
        return Foreseen(
            would, {**foreseen, "address": None, "revision": None}, unknown=["address", "revision"]
        )

    async def _found(self, workload: Workload, context: ActionContext) -> Workload:
        """``workload`` with the image that its name stands for in this execution, if it was built here."""
        if workload.manifests or (image := parse_image(workload.image)).registry is not None:
            return workload
        found = await self._repositories.find(context.scope, image, execution_id=context.execution_id)
        return replace(workload, image=f"{found.repository.path}@{found.manifest.digest}")

    async def _standing(
        self,
        target: Target,
        workload: Workload,
        deployment: Deployment,
        context: ActionContext,
        *,
        looks: int = 0,
    ) -> Result:
        with told():
            rollout = await target.rollout(context.scope, deployment)
        if rollout.state == "failed":
            with told():
                await target.undo(context.scope, deployment)
            message = (
                f"{deployment.place} was not rolled out to {target.name}, and is undone: {rollout.message}"
            )
            raise ActionError("ROLLOUT_FAILED", message, retryable=False)
        if rollout.state == "progressing":
            return _later(rollout, {"image": workload.image, "looks": looks})
        images = [workload.image] if workload.image else list(images_in(workload.manifests))
        held = await self._holds.hold(context.scope, _held_for(target, deployment), images[:MAX_IMAGES])
        outputs = _outputs(target, workload, deployment, rollout)
        return Completed(
            outputs | {"deployment": outputs["deployment"] | {"held": held}} if held else outputs
        )


class UndoDeployment(Action):
    """Put back what ran before a deployment; where nothing did, nothing runs any more."""

    name = "undo-deployment"
    module = "kubernetes"
    side_effect = "idempotent"
    takes_secrets = CONFIDENTIAL
    takes: ClassVar[Mapping[str, Taking]] = MappingProxyType({"deployment": Taking(DEPLOYMENT)})
    failures = ROLLOUTS
    examples = (
        {
            "id": "take-back",
            "action": "undo-deployment",
            "deployment": "${{ steps.deploy.outputs.deployment }}",
        },
    )
    Parameters: ClassVar[type[BaseModel]] = UndoParameters
    Outputs: ClassVar[type[BaseModel]] = UndoOutputs

    def __init__(self, targets: Targets, repositories: Repositories = NO_REPOSITORIES) -> None:
        self._targets = targets
        self._holds = Holds(repositories)

    def where(self, parameters: Mapping[str, Any]) -> str | None:
        return self._targets.where(parameters)

    async def run(self, parameters: UndoParameters, context: ActionContext) -> Result:
        return await self._undone(parameters, context, looks=0)

    async def poll(self, token: Any, parameters: UndoParameters, context: ActionContext) -> Result:
        return await self._undone(parameters, context, looks=token["looks"] + 1)

    async def _undone(self, parameters: UndoParameters, context: ActionContext, *, looks: int) -> Result:
        """Undo it, which may be done again and again, and tell how that stands."""
        target, deployment = (
            self._targets.of(context.scope, parameters.kubeconfig),
            parameters.deployment.value,
        )
        with told():
            rollout = await target.undo(context.scope, deployment)
        if rollout is not None and rollout.state == "failed":
            message = f"what ran before {deployment.place} does not run again: {rollout.message}"
            raise ActionError("ROLLOUT_FAILED", message, retryable=True)
        if rollout is not None and rollout.state == "progressing":
            return _later(rollout, {"looks": looks})
        place = _held_for(target, deployment)
        await self._holds.release(context.scope, place, parameters.deployment.held)
        outputs = {"target": target.name, "namespace": deployment.namespace, "name": deployment.name}
        running = rollout.ready if rollout else 0
        return Completed({**outputs, "restored": rollout is not None, "replicas": running})

    async def dry_run(self, parameters: UndoParameters, context: ActionContext) -> Foreseen:
        del context
        return Foreseen({"undo": parameters.deployment.value.place})


def _later(rollout: Rollout, token: Mapping[str, Any]) -> Pending:
    """Look again; those who watch see how far it is."""
    facts = {"ready": rollout.ready, "replicas": rollout.replicas, "message": rollout.message}
    delay = min(FIRST_LOOK * 2 ** min(token["looks"], 10), LAST_LOOK)
    return Pending(delay, token, Waiting("poll", facts=facts))


def _workload(parameters: DeployParameters) -> Workload:
    if parameters.manifests is not None:
        return _as_written(parameters, parameters.manifests)
    if parameters.image is None:
        message = "there is no 'image': say one, or build or push it in an earlier step"
        raise ActionError("PARAMETERS", message, retryable=False)
    probes = parameters.probes
    return Workload(
        namespace=parameters.namespace,
        name=parameters.name or _name_of(parameters.image),
        image=parameters.image,
        replicas=parameters.replicas,
        ports=[port.value for port in parameters.ports],
        env=parameters.env,
        command=parameters.command,
        args=parameters.args,
        readiness=probes.readiness.value if probes.readiness else None,
        liveness=probes.liveness.value if probes.liveness else None,
        resources=parameters.resources.model_dump(),
        labels=parameters.labels,
    )


def _as_written(parameters: DeployParameters, manifests: Sequence[Mapping[str, Any]]) -> Workload:
    """What Kubernetes manifests say, under the name of the first of them unless the step has one."""
    first = manifests[0].get("metadata")
    name = parameters.name or (first.get("name") if isinstance(first, Mapping) else None)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        message = "give 'name', for the first of the manifests has none that could be one"
        raise ActionError("PARAMETERS", message, retryable=False)
    return Workload(parameters.namespace, name, "", manifests=manifests)


def _name_of(image: str) -> str:
    """What an image is called, as a name of a workload."""
    try:
        last = parse_image(image).repository.rpartition("/")[2]
    except ValueError as error:
        raise ActionError("PARAMETERS", f"'image': {error}", retryable=False) from error
    return "-".join(part for part in last.replace("_", "-").replace(".", "-").split("-") if part)[:63]


def _deployment(workload: Workload, context: ActionContext) -> Deployment:
    return Deployment(workload.namespace, workload.name, context.idempotency_key)


def _held_for(target: Target, deployment: Deployment) -> str:
    return f"{target.name}/{deployment.place}"


def _outputs(target: Target, workload: Workload, deployment: Deployment, rollout: Rollout) -> dict[str, Any]:
    known = {"namespace": deployment.namespace, "name": deployment.name}
    return {
        "target": target.name,
        **known,
        "image": workload.image or None,
        "replicas": rollout.ready,
        "revision": rollout.revision,
        "address": rollout.address,
        "deployment": {"target": target.name, **known, "key": deployment.key},
    }
