"""F1: what an item of a ``foreach`` costs, and whether it costs the same in a long list."""

import time
from typing import Any

from benchmarks.bars import bar
from benchmarks.client import Api
from benchmarks.report import line, spread
from benchmarks.usage import Usage

CONCURRENCY = 50

INTENT: dict[str, Any] = {
    "parameters": {"type": "object", "properties": {"items": {"type": "array"}}},
    "steps": [
        {
            "id": "each",
            "action": "transform",
            "foreach": "${{ parameters.items }}",
            "concurrency": CONCURRENCY,
            "outputs": {"number": "${{ item }}"},
        }
    ],
}


async def items(api: Api, usage: Usage, counts: list[int], runs: int) -> None:
    """F1: lists of so many items, ``concurrency`` of them at a time."""
    intent = await api.define("each", INTENT)
    per_item: dict[int, float] = {}
    for count in counts:
        taken: list[float] = []
        before = usage.cpu_seconds()
        for _ in range(runs):
            started = time.perf_counter()
            execution = await api.execute(intent, {"items": list(range(count))})
            last = await api.finished(execution)
            taken.append(time.perf_counter() - started)
            assert last["type"] == "execution_completed", last
            await complete(api, execution, count)
        per_item[count] = spread(taken, scale=1e3 / count)["median"]
        line(
            "F1",
            f"foreach of {count} items, {CONCURRENCY} at a time, s",
            runs=runs,
            **spread(taken),
            ms_per_item=per_item[count],
            cpu_ms_per_item=round(1e3 * (usage.cpu_seconds() - before) / count / runs, 2),
        )
    growth = round(per_item[counts[-1]] / per_item[counts[0]], 2)
    what = f"time an item, {counts[-1]} over {counts[0]}"
    line("F1-flat", what, ratio=growth, **bar("F1-flat", growth))


async def complete(api: Api, execution: str, count: int) -> None:
    """Look whether every item is there, in its place."""
    outputs = await api.call("GET", f"/executions/{execution}/steps/each/outputs", expect=200)
    assert outputs["counts"]["completed"] == count, outputs["counts"]
    assert [item["outputs"]["number"] for item in outputs["items"]] == list(range(count))
