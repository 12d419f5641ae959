"""What a workload prints: one JSON line, with the machine it ran on."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    model = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor() or platform.machine(),
    )
    return {"cpu": model, "cores": os.cpu_count(), "python": platform.python_version()}


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def spread(samples: Sequence[float], *, scale: float = 1.0) -> dict[str, float]:
    """Median, p99, least and most of the samples, times ``scale``."""
    ordered = sorted(sample * scale for sample in samples)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * (len(ordered) - 1)))]
    return {
        "median": round(statistics.median(ordered), 3),
        "p99": round(p99, 3),
        "min": round(ordered[0], 3),
        "max": round(ordered[-1], 3),
    }


def line(workload: str, what: str, **figures: Any) -> None:
    print(
        json.dumps({"workload": workload, "what": what, **figures, "machine": machine()}, ensure_ascii=False),
        flush=True,
    )
