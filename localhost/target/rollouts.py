"""One workload as it runs: its copies, its addresses, and the way from one deployment to the next.

The copies of a new deployment are started beside those of the old one; when all of them are ready, new
connections go to them, and the old ones end. Until then, and if they never get ready, the old ones serve.
"""

import asyncio
import contextlib
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from localhost.target.balancing import Balancer
from localhost.target.images import Images
from localhost.target.programs import program_of
from localhost.target.replicas import Replica
from localhost.target.state import Asked, Place
from shared.domain.workloads import Port, Rollout
from shared.ports.targets import TargetError
from shared.security.scope import TenantScope

DEADLINE: Final = 60.0
"""Seconds in which all copies of a new deployment must be ready."""
MAX_FAILURES: Final = 3
"""How often in a row a copy may end before it was ready: after that, its deployment has failed."""
DRAIN: Final = 1.0
"""Seconds that requests in flight get, once new ones go to other copies."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What of a workload is kept in the file, as it is read and written there."""

    current: Callable[[Place], Awaitable[Asked | None]]
    addresses: Callable[[Place], Awaitable[Mapping[int, int]]]
    keep_address: Callable[[Place, int, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Generation:
    """The copies of one deployment."""

    asked: Asked
    replicas: Sequence[Replica]

    @property
    def ready(self) -> int:
        return sum(replica.is_ready for replica in self.replicas)

    @property
    def is_ready(self) -> bool:
        return self.ready == len(self.replicas)

    @property
    def problem(self) -> str:
        """Why the first of those that are not ready is not."""
        return next((replica.problem for replica in self.replicas if not replica.is_ready), "")

    def endpoints(self, port: int) -> Sequence[int]:
        return [
            replica.ports[port] for replica in self.replicas if replica.is_ready and port in replica.ports
        ]

    async def stop(self) -> None:
        await asyncio.gather(*(replica.stop() for replica in self.replicas))


class RunningWorkload:
    """Follows what is kept, from :meth:`start` to :meth:`stop`."""

    def __init__(self, place: Place, kept: Kept, images: Images, logs: Path) -> None:
        self._place = place
        self._kept = kept
        self._images = images
        self._logs = logs.joinpath(*place.row)
        self._following: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._serving: Generation | None = None
        self._coming: Generation | None = None
        self._leaving: list[Generation] = []
        self._failed: dict[str, str] = {}
        self._balancers: dict[int, Balancer] = {}
        self._addresses: dict[int, int] = {}

    def start(self) -> None:
        name = f"workload {self._place.namespace}/{self._place.name}"
        self._following = asyncio.create_task(self._follow(), name=name)

    def change(self) -> None:
        """Something else is asked for now."""
        self._changed.set()

    async def stop(self) -> None:
        """End all of its processes; what is asked for stays as it is."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait({self._following})
        await self._end()

    async def _end(self) -> None:
        balancers, self._balancers = self._balancers, {}
        self._leaving += [one for one in (self._serving, self._coming) if one is not None]
        self._serving = self._coming = None
        await asyncio.gather(
            *(balancer.stop() for balancer in balancers.values()),
            *(self._leave(one) for one in list(self._leaving)),
        )

    async def _leave(self, generation: Generation) -> None:
        """End its copies; until that is done they are known to be ending, whoever is cancelled meanwhile."""
        if generation not in self._leaving:
            self._leaving.append(generation)
        await generation.stop()
        self._leaving.remove(generation)

    def rollout(self, asked: Asked) -> Rollout:
        """How the deployment that the workload is at stands."""
        wanted, revision = asked.workload.replicas, str(asked.revision)
        if (why := self._failed.get(asked.key)) is not None:
            return Rollout("failed", why, 0, wanted, None, revision)
        for generation in (self._serving, self._coming):
            if generation is None or generation.asked.key != asked.key:
                continue
            ready = generation.ready
            if generation is self._serving and ready == wanted:
                return Rollout("ready", "", ready, wanted, self.address, revision)
            message = f"{ready} of {wanted} copies are ready; {generation.problem}".rstrip("; ")
            return Rollout("progressing", message, ready, wanted, None, revision)
        return Rollout("progressing", "the image is made ready", 0, wanted, None, revision)

    @property
    def address(self) -> str | None:
        """Where its first port answers."""
        first = next(iter(self._addresses.values()), None)
        return None if first is None else f"http://127.0.0.1:{first}"

    @property
    def port(self) -> int | None:
        """Of this machine, where its first port answers."""
        return next(iter(self._addresses.values()), None)

    async def _follow(self) -> None:
        while True:
            self._changed.clear()
            asked = await self._kept.current(self._place)
            if asked is None:
                await self._end()
            elif self._serving is None or self._serving.asked.key != asked.key:
                await self._roll_out(asked)
            await self._changed.wait()

    async def _roll_out(self, asked: Asked) -> None:
        self._failed.pop(asked.key, None)
        try:
            coming = await self._made(asked)
        except TargetError as error:
            self._failed[asked.key] = error.message
            return
        self._coming = coming
        for replica in coming.replicas:
            replica.start()
        why = await self._until_ready(coming)
        if why is None:
            await self._switch(coming)
            return
        if why:
            self._failed[asked.key] = why
        self._coming = None
        await self._leave(coming)

    async def _made(self, asked: Asked) -> Generation:
        image = await self._images.get(TenantScope(self._place.tenant_id), asked.workload.image)
        if not asked.workload.ports:
            ports = [Port(number) for number in image.exposed]
            asked = replace(asked, workload=replace(asked.workload, ports=ports))
        program = await asyncio.to_thread(program_of, image, asked.workload)
        folder = self._logs / str(asked.revision)
        return Generation(
            asked,
            [
                Replica(asked.workload, program, folder / f"{number}.log", self._changed.set)
                for number in range(asked.workload.replicas)
            ],
        )

    async def _until_ready(self, coming: Generation) -> str | None:
        """None when all copies are ready, or why that failed; nothing when something else is asked for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DEADLINE):
                while not coming.is_ready:
                    self._changed.clear()
                    asked = await self._kept.current(self._place)
                    if asked is None or asked.key != coming.asked.key:
                        self._changed.set()
                        return ""
                    for replica in coming.replicas:
                        if replica.failures >= MAX_FAILURES:
                            return f"a copy has failed {replica.failures} times: {replica.problem}"
                    await self._changed.wait()
                return None
        ready = f"{coming.ready} of {len(coming.replicas)} copies are ready"
        return f"after {DEADLINE:g} s, {ready}: {coming.problem}"

    async def _switch(self, coming: Generation) -> None:
        """Let connections go to the new copies, and end the old ones."""
        ports = [port.number for port in coming.asked.workload.ports]
        known = await self._kept.addresses(self._place)
        for port in ports:
            await self._listen(port, known.get(port, 0))
        for port in self._balancers.keys() - set(ports):
            await self._balancers.pop(port).stop()
        self._addresses = {port: self._addresses[port] for port in ports}
        old, self._serving, self._coming = self._serving, coming, None
        if old is not None:
            self._leaving.append(old)
            await asyncio.sleep(DRAIN)
            await self._leave(old)
            await asyncio.to_thread(shutil.rmtree, self._logs / str(old.asked.revision), ignore_errors=True)

    async def _listen(self, port: int, known: int) -> None:
        if port in self._balancers:
            return
        self._balancers[port] = balancer = Balancer(
            lambda: self._serving.endpoints(port) if self._serving is not None else ()
        )
        self._addresses[port] = listens = await balancer.start(known)
        if listens != known:
            await self._kept.keep_address(self._place, port, listens)
