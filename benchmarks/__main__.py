"""Every workload, a JSON line each: ``make bench``, or ``make bench-quick`` for a small version of all."""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import cold, edge, executions, replay, search
from benchmarks.client import Api
from benchmarks.report import line, spread
from examples import hosting

WORKLOADS = ("W1", "W2", "W3", "W4", "W5", "W6", "A", "R", "C1", "S1")


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
    intents: int
    other_tenants: tuple[int, int]
    lists: int


FULL = Size(50, 200, 3, (200, 1000), (100, 500, 1000), 3, 5, 4000, 11, 100_000, (100, 1000), 40)
QUICK = Size(10, 50, 1, (200,), (50, 200), 1, 2, 800, 3, 5_000, (20, 50), 10)


async def run(size: Size, only: list[str], folder: Path) -> None:
    if "R" in only:
        await replay.cost((100, 1000))
    if "C1" in only:
        cold.starts(size.cold_starts, folder / "cold")
    if "W6" in only:
        await start_up(size.starts, folder / "start")
    if "S1" in only:
        await search.lists(size.intents, size.other_tenants, size.lists, folder / "search")
    if {"W1", "W2", "W3", "W4", "A"} & set(only):
        host = hosting.start(folder / "main", log=folder / "main.log")
        try:
            await measure(host, size, only)
        finally:
            host.stop()
    if "W5" in only:
        crashed = hosting.start(folder / "crash", log=folder / "crash.log")
        await executions.crash(crashed, size.at_once)


async def measure(host: hosting.Host, size: Size, only: list[str]) -> None:
    api = Api(host.url, host.token())
    if "W1" in only:
        await executions.latency(api, size.latency_runs)
    if "W2" in only:
        await executions.throughput(api, size.at_once, size.throughput_runs)
    if "W3" in only:
        await executions.wide(api, list(size.wide), size.graph_runs)
    if "W4" in only:
        await executions.long(api, list(size.long), size.graph_runs)
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
        megabytes.append(psutil.Process(host.process.pid).memory_info().rss / 1e6)
        host.stop()
    line("W6", "start-up to the first answer, s", starts=starts, **spread(seconds))
    line("W6-memory", "resident memory when idle, MB", starts=starts, **spread(megabytes))


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small version of everything")
    parser.add_argument("--only", default=",".join(WORKLOADS), help="some of %(default)s")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="quantum-bench-"))
    try:
        asyncio.run(run(QUICK if options.quick else FULL, options.only.split(","), folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
