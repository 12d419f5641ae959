"""Every function of the app, registered in one place."""

import azure.durable_functions as df

from functions import warmup
from functions.durable import executions as durable_executions
from functions.durable import webhooks as durable_webhooks
from functions.events import counters, relay, webhooks
from functions.http import (
    approvals,
    audit,
    bulk,
    callbacks,
    console,
    contexts,
    executions,
    exports,
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
from functions.timers import contexts as timed_contexts
from functions.timers import erasure, quotas, recovery, retention
from functions.timers import schedules as timed_schedules
from functions.timers import secrets as timed_secrets
from shared.bootstrap import Application

HTTP = (
    intents,
    versions,
    validation,
    plans,
    executions,
    bulk,
    steps,
    outputs,
    approvals,
    callbacks,
    audit,
    tenants,
    exports,
    members,
    policies,
    modules,
    schedules,
    subscriptions,
    secrets,
    contexts,
    stats,
    console,
    system,
)
DURABLE = (durable_executions, durable_webhooks)
EVENTS = (relay, webhooks, counters)
TIMERS = (recovery, retention, erasure, quotas, timed_schedules, timed_secrets, timed_contexts)


def register(app: df.DFApp, platform: Application) -> None:
    """Register the functions of every blueprint with ``app``."""
    for module in (*HTTP, *DURABLE, *EVENTS, *TIMERS, warmup):
        app.register_functions(module.blueprint(platform))
