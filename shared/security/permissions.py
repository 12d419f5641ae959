"""The names that authorization is about: roles and operations. Which role may do what is in ``policies/``."""

ROLES: tuple[str, ...] = ("viewer", "author", "operator", "approver", "auditor", "admin")
"""Every role there is to have; each is a policy, ``policies/<role>.cedar``."""

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
        "tenants.read",
    }
)
"""The operations that change nothing."""

OPERATIONS: frozenset[str] = READS | {
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
    "tenants.configure",
}
"""Every operation there is to permit, as the schema's actions. ``executions.pause`` is also the right to
resume; who may do something to one execution may do it to many with ``executions.bulk``. ``secrets.use`` is
the right to execute an intent whose steps are given the secret."""
