"""Every workload, a JSON line each: ``make bench``, or ``make bench-quick`` for a small version of all."""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import (
    cold,
    decisions,
    deploying,
    edge,
    executions,
    inside,
    lists,
    recovery,
    replay,
    rest,
    search,
)
from benchmarks.client import Api
from benchmarks.report import line, spread
from benchmarks.usage import Usage
from examples import hosting

WORKLOADS = ("W1", "W2", "W3", "W4", "W5", "W6", "F1", "R1", "K1", "A", "E1", "R", "C1", "S1", "Z1", "D1")


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything to do."""

    latency_runs: int
    at_once: int
    throughput_runs: int
    wide: tuple[int, ...]
    long: tuple[int, ...]
    graph_runs: int
    starts: int
    requests: int
    cold_starts: int
    decisions: int
    intents: int
    other_tenants: tuple[int, int]
    lists: int
    items: tuple[int, ...]
    waiting: int
    rest_seconds: float
    killed: tuple[int, int]
    """How many executions run, and of how many steps, when the power is cut."""
    deployments: tuple[int, int]
    """How many versions of an application, and the MiB of a large image."""


FULL = Size(
    latency_runs=50,
    at_once=200,
    throughput_runs=3,
    wide=(200, 1000),
    long=(100, 500, 1000),
    graph_runs=3,
    starts=5,
    requests=4000,
    cold_starts=11,
    decisions=20_000,
    intents=100_000,
    other_tenants=(100, 1000),
    lists=40,
    items=(1000, 10_000),
    waiting=1000,
    rest_seconds=60,
    killed=(500, 50),
    deployments=(20, 256),
)
QUICK = Size(
    latency_runs=10,
    at_once=50,
    throughput_runs=1,
    wide=(200,),
    long=(50, 200),
    graph_runs=1,
    starts=2,
    requests=800,
    cold_starts=3,
    decisions=2000,
    intents=5_000,
    other_tenants=(20, 50),
    lists=10,
    items=(100, 1000),
    waiting=300,
    rest_seconds=3,
    killed=(50, 20),
    deployments=(3, 16),
)


async def run(size: Size, only: list[str], folder: Path) -> None:
    await without_a_host(size, only, folder)
    if "W6" in only:
        await start_up(size.starts, folder / "start")
    if "S1" in only:
        await search.lists(size.intents, size.other_tenants, size.lists, folder / "search")
    if {"W1", "W2", "W3", "W4", "F1", "A"} & set(only):
        host = hosting.start(folder / "main", log=folder / "main.log")
        try:
            await measure(host, size, only)
        finally:
            host.stop()
    if "W5" in only:
        crashed = hosting.start(folder / "crash", log=folder / "crash.log")
        await recovery.crash(crashed, size.at_once)
    if "D1" in only:
        await deploying.deployments(*size.deployments, folder / "deploying")
    if "K1" in only:
        killed = hosting.start(folder / "killed", log=folder / "killed.log")
        await recovery.recovery(killed, *size.killed)
    if "R1" in only:
        resting = hosting.start(folder / "rest", log=folder / "rest.log")
        try:
            await rest.waiting(resting, size.waiting, size.rest_seconds)
        finally:
            resting.stop()


async def without_a_host(size: Size, only: list[str], folder: Path) -> None:
    if "R" in only:
        await replay.cost((100, 1000))
    if "Z1" in only:
        decisions.decisions(size.decisions)
    if "C1" in only:
        cold.starts(size.cold_starts, folder / "cold")
    if "E1" in only:
        await inside.requests(size.requests, folder / "inside")


async def measure(host: hosting.Host, size: Size, only: list[str]) -> None:
    api, usage = Api(host.url, host.token()), Usage(host)
    if "W1" in only:
        await executions.latency(api, size.latency_runs)
    if "W2" in only:
        await executions.throughput(api, usage, size.at_once, size.throughput_runs)
    if "W3" in only:
        await executions.wide(api, list(size.wide), size.graph_runs)
    if "W4" in only:
        await executions.long(api, list(size.long), size.graph_runs)
    if "F1" in only:
        await lists.items(api, usage, list(size.items), size.graph_runs)
    if "A" in only:
        await edge.requests(host, size.requests)


async def start_up(starts: int, data: Path) -> None:
    """W6: seconds from the command to the first answer that it is ready, and what it weighs then."""
    seconds: list[float] = []
    megabytes: list[float] = []
    for _ in range(starts):
        began = time.perf_counter()
        host = hosting.start(data, log=data.with_suffix(".log"))
        await Api(host.url, "").call("GET", "/health", expect=200)
        seconds.append(time.perf_counter() - began)
        megabytes.append(Usage(host).megabytes())
        host.stop()
    line("W6", "start-up to the first answer, s", starts=starts, **spread(seconds))
    line("W6-memory", "resident memory when idle, MB", starts=starts, **spread(megabytes))


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small version of everything")
    parser.add_argument("--only", default=",".join(WORKLOADS), help="some of %(default)s")
    options = parser.parse_args()
    # Thousands of requests of one user: the limits are measured by E1, and are in the way of all others.
    os.environ |= {"QUANTUM_RATE_LIMIT_HOUR": "0", "QUANTUM_RATE_LIMIT_BURST": "0"}
    os.environ |= {"QUANTUM_FAILED_SIGN_INS": "0", "QUANTUM_ANONYMOUS_REQUESTS": "0"}
    folder = Path(tempfile.mkdtemp(prefix="quantum-bench-"))
    try:
        asyncio.run(run(QUICK if options.quick else FULL, options.only.split(","), folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
