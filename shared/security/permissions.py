"""What each role may do: one table, and one question asked of it.

A member may do what any of its roles permits; what no role permits is denied. A role that is not in the
table permits nothing.
"""

from collections.abc import Mapping

from shared.domain.errors import ForbiddenError
from shared.security.principals import Principal

_READ = frozenset(
    {
        "intents.read",
        "intents.validate",
        "intents.plan",
        "executions.read",
        "modules.read",
        "schedules.read",
    }
)
_WRITE = frozenset({"intents.create", "intents.update", "intents.archive"})
_RUN = frozenset(
    {
        "intents.execute",
        "executions.cancel",
        "executions.pause",
        "executions.terminate",
        "executions.retry",
        "executions.bulk",
    }
)
_DECIDE = frozenset({"executions.approve"})
_AUDIT = frozenset({"audit.read", "tenants.read", "members.read", "policies.read", "subscriptions.read"})
_MANAGE = frozenset(
    {
        "members.manage",
        "modules.manage",
        "policies.manage",
        "schedules.manage",
        "subscriptions.manage",
        "tenants.configure",
    }
)

ROLES: Mapping[str, frozenset[str]] = {
    "viewer": _READ,
    "author": _READ | _WRITE,
    "operator": _READ | _RUN | {"schedules.manage"},
    "approver": _READ | _DECIDE,
    "auditor": _READ | _AUDIT,
    "admin": _READ | _WRITE | _RUN | _DECIDE | _AUDIT | _MANAGE,
}
"""Role -> the operations it permits. ``executions.pause`` is also the right to resume; who may do
something to one execution may do it to many with ``executions.bulk``."""

READS: frozenset[str] = _READ | _AUDIT
"""The operations that change nothing."""

OPERATIONS: frozenset[str] = frozenset().union(*ROLES.values())
"""Every operation there is to permit."""


def permits(principal: Principal, operation: str) -> bool:
    """Whether one of the principal's roles permits ``operation``.

    Raises:
        ValueError: there is no such operation (a mistake of the caller's, never of the principal's).
    """
    if operation not in OPERATIONS:
        raise ValueError(f"no such operation: {operation!r}")
    return any(operation in ROLES.get(role, ()) for role in principal.roles)


def require(principal: Principal, operation: str) -> None:
    """Let pass what is permitted.

    Raises:
        ForbiddenError: no role of the principal permits it; ``policies`` names the roles that were asked.
        ValueError: there is no such operation.
    """
    if permits(principal, operation):
        return
    roles = sorted(principal.roles)
    raise ForbiddenError(
        f"{principal.name} may not do {operation}: its roles ({', '.join(roles) or 'none'}) do not permit it",
        policies=[f"role:{role}" for role in roles] or ["default-deny"],
    )
