"""The timer that fires schedules."""

import azure.durable_functions as df
import azure.functions as func

from shared.bootstrap import Application

EVERY_10_SECONDS = "*/10 * * * * *"
"""Schedules are by the minute; nothing starts later than this, and when none is due, it costs one query."""


def blueprint(platform: Application) -> df.Blueprint:
    triggers = df.Blueprint()

    @triggers.function_name("fire_schedules")
    @triggers.timer_trigger(arg_name="timer", schedule=EVERY_10_SECONDS)
    @triggers.generic_input_binding(arg_name="starter", type="durableClient", durableRequiresGrpc=True)
    async def fire_schedules(timer: func.TimerRequest, starter: str) -> None:
        del timer  # being called is all there is to it
        platform.adapters.orchestrations.use(starter)
        await platform.firing_schedules.run()

    return triggers
