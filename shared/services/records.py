"""The bodies of the documents that tell what happened: events, and the audit chain.

Both are written in the transaction of the change they tell of. An event's id says all that makes it unique,
so that a change told twice meets its own document. Audit records of a partition are numbered from 1 and
each carries the hash of the one before: a record that was altered or taken out breaks the chain.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.domain.canonical import content_hash
from shared.domain.times import rfc3339
from shared.security.principals import Origin

FIRST_LINK: str = "sha256:" + "0" * 64
"""What stands for the hash before the first audit record of a partition."""


def event(*, key: str, type: str, now: datetime, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """An event document of id ``event:<key>:<type>``; ``data`` is what it carries beside type and time.

    ``key`` tells occurrences of one type in one partition apart: a version's number, or step and attempt.
    """
    return {
        "id": f"event:{key}:{type}",
        "kind": "event",
        "type": type,
        "time": rfc3339(now),
        "data": dict(data or {}),
    }


def audit(
    *,
    action: str,
    origin: Origin,
    number: int,
    previous_hash: str,
    before: Any,
    after: Any,
    now: datetime,
) -> dict[str, Any]:
    """An audit document ``audit:<number>`` with its ``hash`` over everything in it, the hash before included.

    ``before`` and ``after`` are what the change touched, as JSON; None where there was nothing.
    """
    record: dict[str, Any] = {
        "id": f"audit:{number}",
        "kind": "audit",
        "number": number,
        "action": action,
        "principal": origin.principal,
        "time": rfc3339(now),
        "request_id": origin.request_id,
        "address": origin.address,
        "before": before,
        "after": after,
        "previous_hash": previous_hash,
    }
    return record | {"hash": content_hash(record)}
