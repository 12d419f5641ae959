"""What schedules look like on the wire."""

from typing import Any

from shared.domain.schedules import Schedule


def schedule(value: Schedule) -> dict[str, Any]:
    status, reason = value.standing
    firings = value.firings
    return {
        "name": value.name,
        **value.wanted.to_json(),
        "status": status,
        "reason": reason,
        "next_fire_times": value.upcoming,
        "waiting": firings.queue,
        "last_execution": firings.last_execution,
        "last_skip": firings.last_skip,
        "last_error": firings.last_error,
        "created_at": value.created_at,
        "created_by": value.created_by,
        "updated_at": value.updated_at,
        "updated_by": value.updated_by,
    }
