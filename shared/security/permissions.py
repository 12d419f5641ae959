"""The names that authorization is about: roles and operations. Which role may do what is in ``policies/``."""

from shared.domain.platform_admins import ROLE
from shared.domain.standings import PLATFORM

ROLES: tuple[str, ...] = ("viewer", "author", "operator", "approver", "auditor", "admin")
"""Every role there is to have in a tenant; each is a policy, ``policies/<role>.cedar``."""

PLATFORM_ROLES: tuple[str, ...] = (*ROLES, ROLE)
"""Those that there are in the platform's own tenant."""


def roles_of(tenant_id: str) -> tuple[str, ...]:
    """Every role there is to have in that tenant."""
    return PLATFORM_ROLES if tenant_id == PLATFORM else ROLES


def keeper_of(tenant_id: str) -> str:
    """The role that a tenant is never without, once somebody has it."""
    return ROLE if tenant_id == PLATFORM else "admin"


READS: frozenset[str] = frozenset(
    {
        "audit.read",
        "executions.read",
        "intents.plan",
        "intents.read",
        "intents.validate",
        "members.read",
        "modules.read",
        "policies.read",
        "schedules.read",
        "secrets.read",
        "subscriptions.read",
        "tenants.export",
        "tenants.list",
        "tenants.read",
    }
)
"""The operations that change nothing."""

OPERATIONS: frozenset[str] = READS | {
    "contexts.upload",
    "executions.approve",
    "executions.bulk",
    "executions.cancel",
    "executions.pause",
    "executions.retry",
    "executions.terminate",
    "intents.archive",
    "intents.create",
    "intents.execute",
    "intents.update",
    "members.manage",
    "modules.manage",
    "policies.manage",
    "schedules.manage",
    "secrets.manage",
    "secrets.use",
    "subscriptions.manage",
    "tenants.allow",
    "tenants.configure",
    "tenants.create",
    "tenants.erase",
    "tenants.suspend",
}
"""Every operation there is to permit, as the schema's actions. ``executions.pause`` and ``tenants.suspend``
are also the right to resume; who may do something to one execution may do it to many with
``executions.bulk``. ``secrets.use`` is the right to execute an intent whose steps are given the secret."""
