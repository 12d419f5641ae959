"""The timer that erases tenants."""

import azure.durable_functions as df
import azure.functions as func

from shared.bootstrap import Application

EVERY_30_SECONDS = "15,45 * * * * *"
"""Between the ticks of recovery."""


def blueprint(platform: Application) -> df.Blueprint:
    triggers = df.Blueprint()

    @triggers.function_name("erase_tenants")
    @triggers.timer_trigger(arg_name="timer", schedule=EVERY_30_SECONDS)
    @triggers.generic_input_binding(arg_name="starter", type="durableClient", durableRequiresGrpc=True)
    async def erase_tenants(timer: func.TimerRequest, starter: str) -> None:
        del timer  # being called is all there is to it
        platform.adapters.orchestrations.use(starter)
        await platform.erasure.run()

    return triggers
