"""The orchestrator and the activity of webhook deliveries.

Released orchestrators are replayed for ever: see :mod:`functions.durable.executions`.
"""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
from durabletask import task

from functions.durable.executions import INFRASTRUCTURE
from shared.bootstrap import Application
from shared.services.delivery.webhooks import ORCHESTRATOR

DELIVER = "deliver_webhook"


def webhook_delivery(context: task.OrchestrationContext, work: dict[str, Any]) -> Generator[Any, Any]:
    """One delivery: attempts with durable timers in between, until the activity says that it is over."""
    attempt = 0
    while True:
        attempt += 1
        outcome = yield context.call_activity(
            DELIVER, input=work | {"attempt": attempt}, retry_policy=INFRASTRUCTURE, return_type=dict
        )
        if outcome["delay"] is None:
            return
        yield context.create_timer(timedelta(seconds=outcome["delay"]))


def blueprint(platform: Application) -> df.Blueprint:
    """The functions of deliveries, acting on ``platform``."""
    functions = df.Blueprint()
    functions.orchestration_trigger(context_name="context", orchestration=ORCHESTRATOR)(webhook_delivery)

    @functions.activity_trigger(input_name="payload", activity=DELIVER)
    async def deliver_webhook(payload: dict) -> dict:  # type: ignore[type-arg]  # the worker's loader refuses dict[str, Any]
        return {"delay": await platform.webhooks.deliver(payload)}

    return functions
