"""The timer that forgets build contexts whose time is over."""

import azure.durable_functions as df
import azure.functions as func

from shared.bootstrap import Application

EVERY_10_MINUTES = "45 */10 * * * *"


def blueprint(platform: Application) -> df.Blueprint:
    triggers = df.Blueprint()

    @triggers.function_name("forget_contexts")
    @triggers.timer_trigger(arg_name="timer", schedule=EVERY_10_MINUTES)
    async def forget_contexts(timer: func.TimerRequest) -> None:
        del timer  # being called is all there is to it
        await platform.build_contexts.forget_expired()

    return triggers
