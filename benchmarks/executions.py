"""W1 to W5: what it costs to execute, alone, many at once, wide, long, and with the power cut in between."""

import asyncio
import itertools
import time
from collections import Counter
from datetime import datetime
from typing import Any

from benchmarks.client import Api
from benchmarks.report import line, spread
from examples import hosting

STEPS = 10
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
    line("W1", f"{STEPS} sequential steps, POST to terminal event, ms", runs=runs, **spread(taken, scale=1e3))
    line("W1-SSE", "an event's time to its arrival, ms", events=len(late), **spread(late, scale=1e3))


async def throughput(api: Api, executions: int, runs: int) -> None:
    """W2."""
    chain = await intent(api, STEPS)
    rates: list[float] = []
    for _ in range(runs):
        started = time.perf_counter()
        ids = await asyncio.gather(*(api.execute(chain) for _ in range(executions)))
        await settled(api, chain, set(ids))
        rates.append(executions / (time.perf_counter() - started))
    line("W2", f"{executions} executions at once, executions/s", runs=runs, **spread(rates))
    line("W2-steps", "the same in steps/s", runs=runs, **spread(rates, scale=STEPS))


async def settled(api: Api, chain: str, ids: set[str]) -> dict[str, str]:
    """Wait until every one of ``ids`` has ended; the status of each."""
    found: dict[str, str] = {}
    while ids - found.keys():
        await asyncio.sleep(0.1)
        found |= await ended(api, chain)
    return {execution: found[execution] for execution in ids}


async def ended(api: Api, chain: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for status in ("completed", "failed", "cancelled"):
        cursor = ""
        while True:
            query = f"/executions?intent={chain}&status={status}&limit=200{cursor}"
            page = await api.call("GET", query, expect=200)
            found |= {item["execution_id"]: item["status"] for item in page["items"]}
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
    return found


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
        )


async def long(api: Api, counts: list[int], runs: int) -> None:
    """W4."""
    per_step: dict[int, float] = {}
    for count in counts:
        taken = await timed(api, await intent(api, count), runs)
        figures = spread(taken, scale=1e3 / count)
        per_step[count] = figures["median"]
        line("W4", f"a chain of {count} steps, ms a step", runs=runs, **figures)
    growth = per_step[counts[-1]] / per_step[counts[0]]
    line("W4-flat", f"time a step, {counts[-1]} over {counts[0]}", ratio=round(growth, 2))


async def timed(api: Api, name: str, runs: int) -> list[float]:
    taken: list[float] = []
    for _ in range(runs):
        started = time.perf_counter()
        last = await api.finished(await api.execute(name))
        assert last["type"] == "execution_completed", last
        taken.append(time.perf_counter() - started)
    return taken


async def crash(host: hosting.Host, executions: int, **settings: str) -> None:
    """W5: kill -9 in the middle, restart, look for everything that was acknowledged."""
    token = host.token()
    api = Api(host.url, token)
    chain = await intent(api, STEPS)
    ids = await asyncio.gather(*(api.execute(chain) for _ in range(executions)))
    finished_before = len(await ended(api, chain))
    host.kill()
    restarted = time.perf_counter()
    again = await asyncio.to_thread(hosting.start, host.data, log=host.data / "host.log", **settings)
    try:
        api = Api(again.url, token)
        statuses = Counter((await settled(api, chain, set(ids))).values())
        recovered = time.perf_counter() - restarted
        twice, missing = await recorded(api, ids)
    finally:
        again.stop()
    line(
        "W5",
        "kill -9 in the middle of W2",
        acknowledged=executions,
        finished_before_kill=finished_before,
        statuses=dict(statuses),
        lost=executions - statuses["completed"],
        steps_recorded_twice=twice,
        steps_missing=missing,
        seconds_from_kill_to_done=round(recovered, 2),
    )
    assert statuses["completed"] == executions, statuses
    assert twice == missing == 0, (twice, missing)


async def recorded(api: Api, ids: list[str]) -> tuple[int, int]:
    """How many step ends are recorded more than once, and how many not at all."""
    twice = missing = 0
    for execution in ids:
        page = await api.call("GET", f"/executions/{execution}/events?limit=200", expect=200)
        ends = Counter(item["step"] for item in page["items"] if item["type"] == "step_completed")
        twice += sum(count - 1 for count in ends.values())
        missing += STEPS - len(ends)
    return twice, missing
