"""A Kubernetes cluster as a target: server-side apply, and rollouts judged as kubectl does."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.domain.pointers import pointer
from shared.domain.workloads import Change, Deployment, Rollout, RolloutState, Workload
from shared.modules.kubernetes.api import ClusterApi
from shared.modules.kubernetes.manifests import ObjectId, manifests_of
from shared.modules.kubernetes.pods import problem_of
from shared.modules.kubernetes.records import ATTEMPTS, Record, Records
from shared.modules.kubernetes.rollouts import copies, standing
from shared.ports.targets import Probed, TargetError
from shared.security.scope import TenantScope

MAX_CHANGES: Final = 200
_OF_THE_CLUSTER: Final = frozenset(
    {"managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink", "status"}
)
"""What the cluster writes itself: no change that anybody asked for."""


class Cluster:
    """Implements :class:`shared.ports.targets.Target`."""

    def __init__(self, api: ClusterApi) -> None:
        self._api = api
        self._records = Records(api)

    @property
    def name(self) -> str:
        return self._api.host

    async def foresee(self, scope: TenantScope, workload: Workload) -> Sequence[Change]:
        """See :meth:`shared.ports.targets.Target.foresee`: the cluster tells what it would keep."""
        await self._records.read(workload.namespace, workload.name, scope.tenant_id)
        changes: list[Change] = []
        for manifest in manifests_of(workload):
            which = ObjectId.of(manifest)
            live = await self._api.get(which, workload.namespace)
            after = await self._api.apply(manifest, dry_run=True)
            changes += _changes(live or {}, after, pointer(which.kind, which.name))
        return changes[:MAX_CHANGES]

    async def apply(self, scope: TenantScope, workload: Workload, *, key: str) -> Deployment:
        """See :meth:`shared.ports.targets.Target.apply`."""
        manifests = manifests_of(workload)
        for _ in range(ATTEMPTS):
            record = await self._records.read(workload.namespace, workload.name, scope.tenant_id)
            known = record.find(key)
            if known is None:
                for manifest in manifests:  # what is refused changes nothing
                    await self._api.apply(manifest, dry_run=True)
                written = await self._records.write(record.asked(key, manifests))
                if written is None:
                    continue
                record = written
            if record.current == key:
                await self._converge(record)
            return Deployment(workload.namespace, workload.name, key)
        raise _busy(workload.namespace, workload.name)

    async def rollout(self, scope: TenantScope, deployment: Deployment) -> Rollout:
        """See :meth:`shared.ports.targets.Target.rollout`."""
        record = await self._records.read(deployment.namespace, deployment.name, scope.tenant_id)
        asked = record.find(deployment.key)
        if asked is None:
            raise TargetError("DEPLOYMENT_NOT_FOUND", f"there is no such deployment of {deployment.place}")
        if record.current != deployment.key:
            message = "another deployment has taken its place, or it was undone"
            return Rollout("failed", message, 0, 0, None, str(asked.revision))
        return await self._stands(record)

    async def undo(self, scope: TenantScope, deployment: Deployment) -> Rollout | None:
        """See :meth:`shared.ports.targets.Target.undo`."""
        for _ in range(ATTEMPTS):
            record = await self._records.read(deployment.namespace, deployment.name, scope.tenant_id)
            if record.current == deployment.key:
                written = await self._records.write(record.taken_back())
                if written is None:
                    continue
                record = written
            await self._converge(record)  # also if it was taken back before: that may have been broken off
            return await self._stands(record) if record.at else None
        raise _busy(deployment.namespace, deployment.name)

    async def probe(
        self, scope: TenantScope, deployment: Deployment, *, path: str, seconds: float, limit: int
    ) -> Probed:
        """See :meth:`shared.ports.targets.Target.probe`: through the cluster's API, to its first Service."""
        record = await self._records.read(deployment.namespace, deployment.name, scope.tenant_id)
        services = [one for one in record.at.manifests if one["kind"] == "Service"] if record.at else []
        ports = (services[0].get("spec") or {}).get("ports") if services else None
        if not services or not ports:
            message = f"{deployment.place} has no Service with a port: give its step 'ports', or verify a URL"
            raise TargetError("NO_ADDRESS", message, retryable=not services)
        try:
            async with asyncio.timeout(seconds):
                probed = await self._api.proxied(
                    deployment.namespace, services[0]["metadata"]["name"], ports[0]["port"], path, limit=limit
                )
        except TimeoutError as error:
            message = f"{deployment.place} does not answer to GET {path} within {seconds:g} s"
            raise TargetError("NO_ANSWER", message, retryable=True) from error
        if probed.status in {502, 503, 504}:  # of the API: nobody stands behind the Service
            message = f"{deployment.place} does not answer to GET {path}: the cluster says {probed.status}"
            raise TargetError("NO_ANSWER", message, retryable=True)
        return probed

    async def _converge(self, record: Record) -> None:
        """Have the cluster be as the record says: what it is at is applied, all else of it goes."""
        wanted = list(record.at.manifests) if record.at else []
        for manifest in wanted:
            await self._api.apply(manifest)
        kept = {ObjectId.of(manifest) for manifest in wanted}
        for which in record.objects:
            if which not in kept:
                await self._api.delete(which, record.namespace)

    async def _stands(self, record: Record) -> Rollout:
        assert record.at is not None  # whoever asks has looked
        ready = wanted = 0
        state: RolloutState = "ready"
        message = ""
        for manifest in record.at.manifests:
            which = ObjectId.of(manifest)
            live = await self._api.get(which, record.namespace)
            if live is None:
                return Rollout("failed", f"{which} is gone", 0, 0, None, str(record.at.revision))
            one, of_all = copies(live)
            ready, wanted = ready + one, wanted + of_all
            found, why = standing(live)
            if found == "failed" or (found == "progressing" and state == "ready"):
                pods = await problem_of(self._api, live)
                state, message = found, f"{why}; {pods}" if pods else why
        return Rollout(state, message, ready, wanted, None, str(record.at.revision))


def _changes(before: Any, after: Any, at: str) -> list[Change]:
    """Where two objects differ, but for what the cluster writes itself."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        names = [name for name in {**before, **after} if name not in _OF_THE_CLUSTER]
        return [
            change
            for name in names
            for change in _changes(before.get(name), after.get(name), at + pointer(name))
        ]
    return [] if before == after else [Change(at, before, after)]


def _busy(namespace: str, name: str) -> TargetError:
    message = f"others deploy {namespace}/{name} at the same time, again and again"
    return TargetError("CONFLICT", message, retryable=True)
