"""The targets port in memory: what is asked for is ready at once, unless its environment says otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.domain.workloads import Change, Deployment, Rollout, Workload
from shared.ports.targets import Probed, TargetError
from shared.security.scope import TenantScope


@dataclass
class _Asked:
    key: str
    revision: int
    workload: Workload
    before: str | None


type _Place = tuple[str, str, str]


@dataclass
class FakeTarget:
    """A workload with ``SICK`` in its environment is never ready; one with ``CRASH`` fails; both say so.

    ``answers`` is what ``probe`` gets, one after the other, in place of what the workload would answer.
    """

    name: str = "fake"
    answers: list[Probed | TargetError] = field(default_factory=list[Probed | TargetError])
    _asked: dict[_Place, dict[str, _Asked]] = field(default_factory=dict[_Place, dict[str, _Asked]])
    _current: dict[_Place, str] = field(default_factory=dict[_Place, str])

    async def foresee(self, scope: TenantScope, workload: Workload) -> Sequence[Change]:
        place = (scope.tenant_id, workload.namespace, workload.name)
        current = (
            self._asked[place][self._current[place]].workload.to_json() if place in self._current else {}
        )
        after = workload.to_json()
        return [
            Change(f"/{name}", current.get(name), value)
            for name, value in after.items()
            if current.get(name) != value
        ]

    async def apply(self, scope: TenantScope, workload: Workload, *, key: str) -> Deployment:
        place = (scope.tenant_id, workload.namespace, workload.name)
        asked = self._asked.setdefault(place, {})
        if key not in asked:
            asked[key] = _Asked(key, len(asked) + 1, workload, self._current.get(place))
            self._current[place] = key
        return Deployment(workload.namespace, workload.name, key)

    async def rollout(self, scope: TenantScope, deployment: Deployment) -> Rollout:
        place = (scope.tenant_id, deployment.namespace, deployment.name)
        asked = self._asked.get(place, {}).get(deployment.key)
        if asked is None:
            raise TargetError("DEPLOYMENT_NOT_FOUND", f"there is no such deployment of {deployment.place}")
        return self._stands(place, asked)

    async def undo(self, scope: TenantScope, deployment: Deployment) -> Rollout | None:
        place = (scope.tenant_id, deployment.namespace, deployment.name)
        if self._current.get(place) == deployment.key:
            before = self._asked[place][deployment.key].before
            if before is None:
                del self._current[place]
            else:
                self._current[place] = before
        current = self._current.get(place)
        return None if current is None else self._stands(place, self._asked[place][current])

    async def probe(
        self, scope: TenantScope, deployment: Deployment, *, path: str, seconds: float, limit: int
    ) -> Probed:
        del path, seconds, limit
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, TargetError):
                raise answer
            return answer
        place = (scope.tenant_id, deployment.namespace, deployment.name)
        ready = [
            one
            for one in reversed(self._asked.get(place, {}).values())
            if place in self._current and not {"SICK", "CRASH"} & one.workload.env.keys()
            if one.revision <= self._asked[place][self._current[place]].revision
        ]
        if not ready:
            raise TargetError("NO_ANSWER", f"{deployment.place} does not answer", retryable=True)
        return Probed(200, ready[0].workload.env.get("VERSION", "").encode())

    def standing(self, scope: TenantScope) -> dict[str, Any]:
        """What the tenant's workloads are, by their names: those that run."""
        return {
            f"{namespace}/{name}": self._asked[tenant, namespace, name][key].workload.to_json()
            for (tenant, namespace, name), key in self._current.items()
            if tenant == scope.tenant_id
        }

    def asked(self, scope: TenantScope) -> list[str]:
        """The keys of all deployments that the tenant has ever asked for."""
        return [key for place, asked in self._asked.items() if place[0] == scope.tenant_id for key in asked]

    def _stands(self, place: _Place, asked: _Asked) -> Rollout:
        replicas, revision = asked.workload.replicas, str(asked.revision)
        if self._current.get(place) != asked.key:
            message = "another deployment has taken its place, or it was undone"
            return Rollout("failed", message, 0, replicas, None, revision)
        if "CRASH" in asked.workload.env:
            return Rollout("failed", "it ended, and printed: no database", 0, replicas, None, revision)
        if "SICK" in asked.workload.env:
            return Rollout("progressing", "/health answered 500", 0, replicas, None, revision)
        return Rollout("ready", "", replicas, replicas, "http://fake", revision)
