"""The local target: workloads as processes of this machine, for this machine alone.

What an image says is run as a process of the host's user, with its files unpacked in a folder: there is no
container and no isolation, so it is for images that one trusts as one trusts one's own programs. It answers
on loopback, it ends with the host, however that ends, and comes back with it.
"""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from localhost.target.images import Images, PulledImages
from localhost.target.probes import fetch
from localhost.target.rollouts import Kept, RunningWorkload
from localhost.target.state import Asked, Place, State
from shared.domain.workloads import Change, Deployment, Rollout, Workload
from shared.modules.containers.registry.repositories import Repositories
from shared.ports.targets import Probed, TargetError
from shared.security.scope import TenantScope

MAX_REPLICAS: Final = 20
"""Copies of one workload: it is one machine."""


class LocalTarget:
    """Implements :class:`shared.ports.targets.Target`."""

    name = "local"

    def __init__(self, folder: Path, images: Images | None = None) -> None:
        """``folder`` keeps what is asked for, what the copies print, and images, unless others are given.

        Raises:
            UnavailableError: its file cannot be opened or written.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._logs = folder / "logs"
        self._images = images or PulledImages(folder / "images")
        self._state = State(folder / "target.db")
        self._turn = asyncio.Lock()
        self._kept = Kept(self._current, self._addresses, self._keep_address)
        self._running: dict[Place, RunningWorkload] = {}

    def connect(self, repositories: Repositories) -> None:
        """Say where images are: the platform knows once it is put together."""
        if isinstance(self._images, PulledImages):
            self._images.connect(repositories)

    async def start(self) -> None:
        """Run again what ran when the host ended."""
        await self._images.keep(await self._within(self._state.images), drafts=False)
        for place in await self._within(self._state.places):
            self._run(place)

    async def close(self) -> None:
        """End every process; what is asked for is kept."""
        running, self._running = self._running, {}
        await asyncio.gather(*(one.stop() for one in running.values()))
        await self._within(self._state.close)

    async def foresee(self, scope: TenantScope, workload: Workload) -> Sequence[Change]:
        """See :meth:`shared.ports.targets.Target.foresee`."""
        workload = await self._pinned(scope, workload)
        current = await self._current(_place(scope, workload.namespace, workload.name))
        before, after = current.workload.to_json() if current else {}, workload.to_json()
        return [
            Change(f"/{name}", before.get(name), value)
            for name, value in after.items()
            if before.get(name) != value and name not in {"namespace", "name", "manifests"}
        ]

    async def apply(self, scope: TenantScope, workload: Workload, *, key: str) -> Deployment:
        """See :meth:`shared.ports.targets.Target.apply`."""
        place = _place(scope, workload.namespace, workload.name)
        if await self._within(self._state.find, place, key) is None:
            await self._within(self._state.ask, place, await self._pinned(scope, workload), key)
        self._run(place).change()
        return Deployment(workload.namespace, workload.name, key)

    async def rollout(self, scope: TenantScope, deployment: Deployment) -> Rollout:
        """See :meth:`shared.ports.targets.Target.rollout`."""
        place = _place(scope, deployment.namespace, deployment.name)
        asked = await self._within(self._state.find, place, deployment.key)
        if asked is None:
            raise TargetError("DEPLOYMENT_NOT_FOUND", f"there is no such deployment of {deployment.place}")
        current = await self._current(place)
        if current is None or current.key != asked.key:
            message = "another deployment has taken its place, or it was undone"
            return Rollout("failed", message, 0, asked.workload.replicas, None, str(asked.revision))
        return self._run(place).rollout(asked)

    async def undo(self, scope: TenantScope, deployment: Deployment) -> Rollout | None:
        """See :meth:`shared.ports.targets.Target.undo`."""
        place = _place(scope, deployment.namespace, deployment.name)
        at = await self._within(self._state.take_back, place, deployment.key)
        running = self._run(place)
        running.change()
        return None if at is None else running.rollout(at)

    async def probe(
        self, scope: TenantScope, deployment: Deployment, *, path: str, seconds: float, limit: int
    ) -> Probed:
        """See :meth:`shared.ports.targets.Target.probe`."""
        place = _place(scope, deployment.namespace, deployment.name)
        running = self._running.get(place)
        if running is None or running.port is None:
            message = f"{deployment.place} does not listen on any port: give its step 'ports'"
            raise TargetError("NO_ADDRESS", message, retryable=True)
        try:
            async with asyncio.timeout(seconds):
                status, body = await fetch(running.port, path, limit=limit)
        except (OSError, ValueError) as error:
            message = f"{deployment.place} does not answer to GET {path}: {str(error) or 'nothing in time'}"
            raise TargetError("NO_ANSWER", message, retryable=True) from error
        return Probed(status, body)

    async def forget(self, scope: TenantScope) -> None:
        """End all that a tenant has here, and keep nothing of it; images stay that others run, too."""
        await self._within(self._state.forget, scope.tenant_id)
        own = [place for place in self._running if place.tenant_id == scope.tenant_id]
        await asyncio.gather(*(self._running.pop(place).stop() for place in own))
        await self._images.keep(await self._within(self._state.images))
        await asyncio.to_thread(shutil.rmtree, self._logs / scope.tenant_id, ignore_errors=True)

    def _run(self, place: Place) -> RunningWorkload:
        if (running := self._running.get(place)) is None:
            running = RunningWorkload(place, self._kept, self._images, self._logs)
            self._running[place] = running
            running.start()
        return running

    async def _pinned(self, scope: TenantScope, workload: Workload) -> Workload:
        """The workload with its image by digest: what a tag is moved to later does not concern it.

        Raises:
            TargetError: there is no such image, or this machine cannot run so many copies.
        """
        if workload.manifests:
            message = "this machine runs images; 'manifests' need a cluster: give the step a 'kubeconfig'"
            raise TargetError("NOT_SUPPORTED", message)
        if workload.replicas > MAX_REPLICAS:
            raise TargetError("TOO_MANY_REPLICAS", f"on one machine there are at most {MAX_REPLICAS} copies")
        return replace(workload, image=await self._images.pinned(scope, workload.image))

    async def _current(self, place: Place) -> Asked | None:
        return await self._within(self._state.current, place)

    async def _addresses(self, place: Place) -> Any:
        return await self._within(self._state.addresses, place)

    async def _keep_address(self, place: Place, port: int, listens: int) -> None:
        await self._within(self._state.keep_address, place, port, listens)

    async def _within[**P, T](self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the file says, one at a time and off the event loop."""
        async with self._turn:
            return await asyncio.to_thread(call, *args, **kwargs)


def _place(scope: TenantScope, namespace: str, name: str) -> Place:
    return Place(scope.tenant_id, namespace, name)
