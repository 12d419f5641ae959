"""The timer that sees to what was counted and is not there, or is given up and still counted."""

import azure.durable_functions as df
import azure.functions as func

from shared.bootstrap import Application

EVERY_5_MINUTES = "30 */5 * * * *"


def blueprint(platform: Application) -> df.Blueprint:
    triggers = df.Blueprint()

    @triggers.function_name("heal_quotas")
    @triggers.timer_trigger(arg_name="timer", schedule=EVERY_5_MINUTES)
    async def heal_quotas(timer: func.TimerRequest) -> None:
        del timer  # being called is all there is to it
        await platform.slots.heal()

    return triggers
