"""Every function of the app, registered in one place."""

import azure.durable_functions as df

from functions import warmup
from functions.durable import executions as durable_executions
from functions.events import relay
from functions.http import executions, intents, system
from functions.timers import recovery
from shared.bootstrap import Application


def register(app: df.DFApp, platform: Application) -> None:
    """Register the functions of every blueprint with ``app``."""
    for module in (intents, executions, system, durable_executions, recovery, relay, warmup):
        app.register_functions(module.blueprint(platform))
