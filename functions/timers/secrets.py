"""The timer that deletes what was left over in the vault."""

import azure.durable_functions as df
import azure.functions as func

from shared.bootstrap import Application

EVERY_10_MINUTES = "30 */10 * * * *"
"""What is left over waits for an hour anyway; when nothing does, it costs one query."""


def blueprint(platform: Application) -> df.Blueprint:
    triggers = df.Blueprint()

    @triggers.function_name("sweep_secrets")
    @triggers.timer_trigger(arg_name="timer", schedule=EVERY_10_MINUTES)
    async def sweep_secrets(timer: func.TimerRequest) -> None:
        del timer  # being called is all there is to it
        await platform.leftovers.sweep()

    return triggers
