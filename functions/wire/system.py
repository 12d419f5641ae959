"""What the platform's health looks like on the wire."""

from collections.abc import Mapping
from typing import Any

from shared.domain.causes import Cause
from shared.services.upkeep.health import VITAL


def health(causes: Mapping[str, Cause | None]) -> dict[str, Any]:
    checks = {name: _standing(name, cause) for name, cause in causes.items()}
    return {
        "status": next((one for one in ("unavailable", "degraded") if one in checks.values()), "ok"),
        "checks": checks,
        "impairments": [
            {"check": name, "cause": cause.code, "reason": cause.reason, "remedy": cause.remedy}
            for name, cause in causes.items()
            if cause is not None
        ],
    }


def _standing(name: str, cause: Cause | None) -> str:
    if cause is None:
        return "ok"
    return "unavailable" if name in VITAL else "degraded"
