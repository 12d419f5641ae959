"""W1 to W4: what it costs to execute, alone, many at once, wide and long."""

import asyncio
import itertools
import time
from collections.abc import Coroutine, Iterable
from datetime import datetime
from typing import Any

from benchmarks.bars import bar
from benchmarks.client import Api
from benchmarks.report import line, spread
from benchmarks.usage import Usage

STEPS = 10
AT_ONCE = 200
"""Most requests in flight."""

PATIENCE = 300.0
"""Seconds after which executions that do not come to what is waited for are stuck: the benchmark fails."""

names = itertools.count()


def trivial(count: int, *, parallel: bool = False) -> list[dict[str, Any]]:
    """``count`` steps that do next to nothing, one after the other or all at once."""
    steps: list[dict[str, Any]] = [
        {"id": f"s{number}", "action": "transform", "outputs": {"number": number}} for number in range(count)
    ]
    if parallel:
        # One edge makes it a graph; without any, a definition runs top to bottom.
        steps[-1]["depends_on"] = [steps[0]["id"]]
    return steps


async def intent(api: Api, count: int, *, parallel: bool = False) -> str:
    shape = "wide" if parallel else "chain"
    return await api.create(f"{shape}-{count}-{next(names)}", trivial(count, parallel=parallel))


async def latency(api: Api, runs: int) -> None:
    """W1, and how late an event reaches a client that watches."""
    chain = await intent(api, STEPS)
    taken: list[float] = []
    late: list[float] = []
    for run in range(runs + 3):
        started = time.perf_counter()
        execution = await api.execute(chain)
        last: dict[str, Any] = {}
        async for last in api.watch(execution):
            arrived = time.time()
            if run >= 3 and last["type"] != "execution_started":
                late.append(arrived - datetime.fromisoformat(last["time"]).timestamp())
        assert last["type"] == "execution_completed", last
        if run >= 3:  # the first ones warm caches
            taken.append(time.perf_counter() - started)
    figures = spread(taken, scale=1e3)
    what = f"{STEPS} sequential steps, POST to terminal event, ms"
    line("W1", what, runs=runs, **figures, **bar("W1", figures["median"]))
    line("W1-SSE", "an event's time to its arrival, ms", events=len(late), **spread(late, scale=1e3))


async def throughput(api: Api, usage: Usage, executions: int, runs: int) -> None:
    """W2, and what it takes of the processors."""
    rates: list[float] = []
    used: list[float] = []
    for _ in range(runs):
        chain = await intent(api, STEPS)  # one for each run: what is listed is only its own
        before, started = usage.cpu_seconds(), time.perf_counter()
        ids = await throttled(api.execute(chain) for _ in range(executions))
        await settled(api, chain, set(ids))
        rates.append(executions / (time.perf_counter() - started))
        used.append(usage.cpu_seconds() - before)
    line("W2", f"{executions} executions at once, executions/s", runs=runs, **spread(rates))
    figures = spread(rates, scale=STEPS)
    line("W2-steps", "the same in steps/s", runs=runs, **figures, **bar("W2-steps", figures["median"]))
    each = spread(used, scale=1e3 / executions / STEPS)
    line("W2-cpu", "CPU of the host for a step of it, ms", runs=runs, **each)


async def throttled[T](calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What all the calls come to, ``AT_ONCE`` of them at a time."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(call: Coroutine[Any, Any, T]) -> T:
        async with places:
            return await call

    return await asyncio.gather(*map(one, calls))


async def settled(api: Api, chain: str, ids: set[str]) -> dict[str, str]:
    """Wait until every one of ``ids`` has ended; the status of each."""
    found: dict[str, str] = {}
    async with asyncio.timeout(PATIENCE):
        while ids - found.keys():
            await asyncio.sleep(0.1)
            found |= await ended(api, chain)
    return {execution: found[execution] for execution in ids}


async def ended(api: Api, chain: str) -> dict[str, str]:
    """The status of each of the intent's executions that has come to its end."""
    statuses = ("completed", "failed", "cancelled")
    return {execution: status for status in statuses for execution in await listed(api, chain, status)}


async def begun(api: Api, chain: str, count: int) -> int:
    """Wait until so many of the intent's executions have begun; how many of them run, or wait, then."""
    async with asyncio.timeout(PATIENCE):
        while True:
            running = sum([len(await listed(api, chain, status)) for status in ("running", "waiting")])
            if running + len(await ended(api, chain)) >= count:
                return running
            await asyncio.sleep(0.05)


async def listed(api: Api, chain: str, status: str) -> list[str]:
    """The intent's executions that have the status."""
    found: list[str] = []
    cursor = ""
    while True:
        query = f"/executions?intent={chain}&status={status}&limit=200{cursor}"
        page = await api.call("GET", query, expect=200)
        found += [item["execution_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


async def wide(api: Api, counts: list[int], runs: int) -> None:
    """W3."""
    for count in counts:
        taken = await timed(api, await intent(api, count, parallel=True), runs)
        figures = spread(taken, scale=1e3)
        line(
            "W3",
            f"{count} parallel steps, ms",
            runs=runs,
            **figures,
            steps_per_second=round(1e3 * count / figures["median"]),
            **bar(f"W3-{count}", figures["median"]),
        )


async def long(api: Api, counts: list[int], runs: int) -> None:
    """W4."""
    per_step: dict[int, float] = {}
    for count in counts:
        taken = await timed(api, await intent(api, count), runs)
        figures = spread(taken, scale=1e3 / count)
        per_step[count] = figures["median"]
        what = f"a chain of {count} steps, ms a step"
        line("W4", what, runs=runs, **figures, **bar("W4", figures["median"]))
    growth = round(per_step[counts[-1]] / per_step[counts[0]], 2)
    line("W4-flat", f"time a step, {counts[-1]} over {counts[0]}", ratio=growth, **bar("W4-flat", growth))


async def timed(api: Api, name: str, runs: int) -> list[float]:
    taken: list[float] = []
    for _ in range(runs):
        started = time.perf_counter()
        last = await api.finished(await api.execute(name))
        assert last["type"] == "execution_completed", last
        taken.append(time.perf_counter() - started)
    return taken
