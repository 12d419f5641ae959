"""W5 and K1: the power is cut while executions run. Nothing acknowledged is lost, nothing recorded twice."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from benchmarks.bars import bar
from benchmarks.client import Api
from benchmarks.executions import STEPS, begun, ended, intent, settled, throttled
from benchmarks.report import line
from examples import hosting


async def crash(host: hosting.Host, executions: int, **settings: str) -> None:
    """W5: kill -9 in the middle of W2, as soon as all is acknowledged."""
    token = host.token()
    api = Api(host.url, token)
    chain = await intent(api, STEPS)
    ids = await throttled(api.execute(chain) for _ in range(executions))
    finished_before = len(await ended(api, chain))
    host.kill()
    restarted = time.perf_counter()
    again = await asyncio.to_thread(hosting.start, host.data, log=host.data / "host.log", **settings)
    try:
        found = await looked_over(Api(again.url, token), chain, ids, STEPS)
        done = time.perf_counter() - restarted
    finally:
        again.stop()
    line(
        "W5",
        "kill -9 in the middle of W2",
        acknowledged=executions,
        finished_before_kill=finished_before,
        statuses=dict(found.statuses),
        **found.told(),
        seconds_from_kill_to_done=round(done, 2),
        **bar("W5", found.wrong),
    )
    assert found.wrong == 0, found


async def recovery(host: hosting.Host, executions: int, steps: int) -> None:
    """K1: kill -9 once all of them run; how long it takes until the first goes on, and until all are done."""
    token = host.token()
    api = Api(host.url, token)
    chain = await intent(api, steps)
    ids = await throttled(api.execute(chain) for _ in range(executions))
    running = await begun(api, chain, executions)
    host.kill()
    restarted, killed = time.perf_counter(), time.time()
    again = await asyncio.to_thread(hosting.start, host.data, log=host.data / "host.log")
    ready = time.perf_counter() - restarted
    try:
        found = await looked_over(Api(again.url, token), chain, ids, steps)
    finally:
        again.stop()
    after = sorted(moment - killed for moment in found.moments if moment > killed)
    line(
        "K1",
        f"kill -9 with {running} running",
        acknowledged=executions,
        running=running,
        seconds_to_ready=round(ready, 2),
        seconds_to_first_progress=round(after[0], 2),
        seconds_to_all_done=round(after[-1], 2),
        **found.told(),
        **bar("K1", found.wrong),
    )
    assert found.wrong == 0, found


@dataclass(slots=True)
class Found:
    """What is there of the executions that were acknowledged, once all have ended."""

    lost: int = 0
    twice: int = 0
    """Ends of steps that are recorded more than once."""
    missing: int = 0
    """Ends of steps that are not recorded."""
    statuses: Counter[str] = field(default_factory=Counter[str])
    moments: list[float] = field(default_factory=list[float])
    """When its events happened, in seconds since 1970."""

    @property
    def wrong(self) -> int:
        return self.lost + self.twice + self.missing

    def told(self) -> dict[str, int]:
        return {"lost": self.lost, "steps_recorded_twice": self.twice, "steps_missing": self.missing}

    def add(self, events: Iterable[dict[str, Any]], steps: int) -> None:
        events = list(events)
        ends = Counter(event["step"] for event in events if event["type"] == "step_completed")
        self.twice += sum(times - 1 for times in ends.values())
        self.missing += steps - len(ends)
        self.moments += [datetime.fromisoformat(event["time"]).timestamp() for event in events]


async def looked_over(api: Api, chain: str, ids: list[str], steps: int) -> Found:
    """Wait until all have ended, then read the events of each."""
    found = Found()
    found.statuses.update((await settled(api, chain, set(ids))).values())
    found.lost = len(ids) - found.statuses["completed"]
    for execution in ids:
        page = await api.call("GET", f"/executions/{execution}/events?limit=200", expect=200)
        found.add(page["items"], steps)
    return found
