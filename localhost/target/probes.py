"""Asking a copy of a workload whether it is well, as its probes say."""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from shared.domain.workloads import Probe, Workload

IMPATIENCE: Final = 0.1
"""Seconds between two questions while a copy is not ready: sooner than its probe says."""
MAX_HEAD: Final = 16 * 1024
_CONNECT: Final = Probe(period=2.0, timeout=1.0)
"""How a copy with ports is asked whose workload says nothing: whether it can be connected to."""


class Probing:
    """The probes of one run of a copy."""

    def __init__(self, workload: Workload, ports: Mapping[int, int]) -> None:
        self._readiness = workload.readiness or _CONNECT
        self._liveness = workload.liveness
        self._ports = ports
        self._began = time.monotonic()
        self._asked_ready = self._asked_alive = float("-inf")
        self._bad_ready = self._bad_alive = 0
        self._was_ready = False
        self._problem: str | None = "it starts"

    @property
    def pause(self) -> float:
        """Seconds until something is to be asked again."""
        periods = [self._readiness.period if self._was_ready else IMPATIENCE]
        if self._liveness is not None:
            periods.append(self._liveness.period)
        return min(periods)

    async def unready(self) -> str | None:
        """Why the copy takes no requests; None: it does. A ready one may fail as often as its probe says."""
        probe, now = self._readiness, time.monotonic()
        if self._was_ready and now - self._asked_ready < probe.period * 0.9:
            return self._problem
        if now - self._began < probe.initial_delay:
            return self._problem
        self._asked_ready = now
        problem = await ask(probe, self._ports)
        self._bad_ready = 0 if problem is None else self._bad_ready + 1
        if problem is None:
            self._was_ready, self._problem = True, None
        elif not self._was_ready or self._bad_ready >= probe.failures:
            self._was_ready, self._problem = False, problem
        return self._problem

    async def dead(self) -> str | None:
        """Why the copy is to be started anew; None: it is not."""
        probe, now = self._liveness, time.monotonic()
        if (
            probe is None
            or now - self._began < probe.initial_delay
            or now - self._asked_alive < probe.period * 0.9
        ):
            return None
        self._asked_alive = now
        problem = await ask(probe, self._ports)
        self._bad_alive = 0 if problem is None else self._bad_alive + 1
        return problem if self._bad_alive >= probe.failures else None


async def ask(probe: Probe, ports: Mapping[int, int]) -> str | None:
    """What is wrong; None: nothing. Kubernetes takes 200 to 399 for well."""
    number = probe.port or next(iter(ports), None)
    if number is None or number not in ports:
        return f"its probe asks port {number}, which is none of its ports"
    try:
        async with asyncio.timeout(probe.timeout):
            status = await get_status(ports[number], probe.path)
    except TimeoutError:
        return f"{probe.path or 'a connection'} got no answer within {probe.timeout:g} s"
    except (OSError, ValueError) as error:
        return f"{probe.path or 'a connection'} at port {number} failed: {error}"
    if status is not None and not 200 <= status < 400:
        return f"{probe.path} answered {status}"
    return None


async def get_status(port: int, path: str | None) -> int | None:
    """The status of ``GET path``; None: without a path, it is enough to connect.

    Raises:
        OSError: there is no connection. ValueError: what it answers is no HTTP.
    """
    if path is not None:
        return (await fetch(port, path, limit=0))[0]
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    return None


async def fetch(port: int, path: str, *, limit: int) -> tuple[int, bytes]:
    """Status and body (up to ``limit`` bytes) of ``GET path`` at a port of this machine.

    HTTP/1.0, so that the body is what comes until the connection ends. It raises as :func:`get_status`.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=MAX_HEAD)
    try:
        request = f"GET {path} HTTP/1.0\r\nhost: 127.0.0.1:{port}\r\nuser-agent: quantum-probe\r\n\r\n"
        writer.write(request.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        version, _, rest = head.partition(b" ")
        if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
            raise ValueError("it answered with something that is not HTTP")
        body = bytearray()
        while len(body) < limit and (piece := await reader.read(limit - len(body))):
            body += piece
        return int(rest[:3]), bytes(body)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise ValueError("it answered with something that is not HTTP") from error
    finally:
        writer.close()
