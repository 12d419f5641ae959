"""The head of an execution as it is stored first: every field is there that is patched later."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.domain.plans import Plan
from shared.domain.times import rfc3339
from shared.ports.documents import Patch
from shared.services.steps.attempts import HEAD


def modules_in(plan: Plan) -> dict[str, Any]:
    """Which versions of tenants' modules an execution of this plan may run, for whoever would delete them."""
    return {"modules": sorted(map(pin, plan.modules.items()))} if plan.modules else {}


def pin(module: tuple[str, int]) -> str:
    """A version of a module, as the heads of executions name it."""
    return f"{module[0]}:{module[1]}"


def unended() -> Patch:
    """A write on condition that the execution has not ended, which changes nothing."""
    return Patch(HEAD, set={("finished_at",): None}, where={("finished_at",): None})


def new_head(
    execution_id: str,
    about: Mapping[str, Any],
    *,
    steps: int,
    now: datetime,
    created_by: str,
    owner: Mapping[str, str],
) -> dict[str, Any]:
    """Of an execution that has not begun.

    ``about`` is what it is made of (``intent``, ``intent_id``, ``parameters``, ``plan_hash``) and whatever is
    not as it is by itself. ``owner`` is in whose name its steps execute others.
    """
    return {
        "id": HEAD,
        "kind": "execution",
        "execution_id": execution_id,
        "status": "pending",
        "progress": {"total": steps, "completed": 0, "failed": 0, "skipped": 0},
        "error": None,
        "created_at": rfc3339(now),
        "created_by": created_by,
        "schedule": None,
        "started_at": None,
        "finished_at": None,
        "owner": dict(owner),
        # Those that its steps execute are counted at the root, and how often somebody has looked.
        "descendants": 0,
        "looks": 0,
        "parent": None,
        "paused": None,
        "stop": None,
        "load": 0,
        "weight": 0,
        "dry_run": False,
        **about,
    }
