"""R1: what executions cost that only wait."""

import asyncio
import time

from benchmarks.bars import bar
from benchmarks.client import Api
from benchmarks.executions import begun, settled, throttled
from benchmarks.report import line
from benchmarks.usage import Usage
from examples import hosting

QUIET = 1.0
"""Seconds after the last execution has begun to wait in which what is left of its start is done."""


WARM = 100
"""The first of them, for which the host loads what it had not needed before: memory counts from there."""


async def waiting(host: hosting.Host, count: int, seconds: float) -> None:
    """R1: ``count`` executions that wait for an hour, looked at for ``seconds``, then cancelled."""
    api, usage = Api(host.url, host.token()), Usage(host)
    intent = await api.create("rest", [{"id": "rest", "action": "wait", "duration": "1h"}])
    idle = await minute(usage, seconds)
    first = min(WARM, count // 2)
    ids = set(await throttled(api.execute(intent) for _ in range(first)))
    await begun(api, intent, first)
    before = usage.megabytes()
    ids.update(await throttled(api.execute(intent) for _ in range(count - first)))
    await begun(api, intent, count)
    await asyncio.sleep(QUIET)
    used = await minute(usage, seconds)
    line(
        "R1",
        f"{count} executions wait for an hour, CPU seconds of the host a minute",
        seconds=seconds,
        cpu_seconds=used,
        without_any=idle,
        **bar("R1", used),
    )
    kilobytes = round(1e3 * (usage.megabytes() - before) / (count - first), 1)
    line(
        "R1-memory",
        "resident memory for each, KB",
        kilobytes=kilobytes,
        **bar(f"R1-memory-{count}", kilobytes),
    )
    began = time.perf_counter()
    await throttled(api.call("POST", f"/executions/{one}/cancel", expect=202) for one in ids)
    statuses = list((await settled(api, intent, ids)).values())
    missing = count - statuses.count("cancelled")
    line(
        "R1-cancel",
        "all of them cancelled, s",
        seconds=round(time.perf_counter() - began, 2),
        missing=missing,
        **bar("R1-cancel", missing),
    )
    assert missing == 0, statuses


async def minute(usage: Usage, seconds: float) -> float:
    """The host's CPU seconds a minute, from so many seconds of nobody asking it for anything."""
    before = usage.cpu_seconds()
    await asyncio.sleep(seconds)
    return round((usage.cpu_seconds() - before) * 60 / seconds, 2)
