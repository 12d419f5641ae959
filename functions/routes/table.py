"""Every HTTP route of the platform, in one table: the triggers, the contract and the docs are made of it."""

from collections.abc import Sequence

from functions.routes import (
    approvals,
    audit,
    callbacks,
    contexts,
    executions,
    intents,
    members,
    modules,
    outputs,
    plans,
    policies,
    schedules,
    secrets,
    stats,
    steps,
    subscriptions,
    system,
    tenants,
    validation,
    versions,
)
from functions.routes.route import Route

_NOUNS = (
    intents,
    validation,
    versions,
    plans,
    executions,
    steps,
    outputs,
    approvals,
    callbacks,
    contexts,
    audit,
    members,
    modules,
    policies,
    schedules,
    secrets,
    subscriptions,
    tenants,
    stats,
    system,
)

ROUTES: Sequence[Route] = tuple(
    value
    for noun in _NOUNS
    for value in vars(noun).values()
    if isinstance(value, Route) and value is not system.UNKNOWN
)
"""Every route of every noun, in that order."""


def methods_of(path: str) -> list[str]:
    """The methods that a path (with ``/api/``) knows; none if there is no such route."""
    return sorted({route.method for route in ROUTES if route.pattern.fullmatch(path)})
