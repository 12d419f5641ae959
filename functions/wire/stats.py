"""What statistics look like on the wire."""

from typing import Any

from shared.domain.stats import DayStats


def day(value: DayStats) -> dict[str, Any]:
    return {"date": value.date, **value.counts}
