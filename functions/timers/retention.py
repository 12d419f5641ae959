"""The timers that forget what finished executions left behind."""

import azure.durable_functions as df
import azure.functions as func

from shared.bootstrap import Application

EVERY_5_MINUTES = "0 */5 * * * *"
EVERY_5_MINUTES_BETWEEN = "30 2-59/5 * * * *"
"""Between the ticks of retention."""


def blueprint(platform: Application) -> df.Blueprint:
    triggers = df.Blueprint()

    @triggers.function_name("purge_executions")
    @triggers.timer_trigger(arg_name="timer", schedule=EVERY_5_MINUTES)
    @triggers.generic_input_binding(arg_name="starter", type="durableClient", durableRequiresGrpc=True)
    async def purge_executions(timer: func.TimerRequest, starter: str) -> None:
        del timer  # being called is all there is to it
        platform.adapters.orchestrations.use(starter)
        await platform.retention.run()

    @triggers.function_name("clear_build_registry")
    @triggers.timer_trigger(arg_name="timer", schedule=EVERY_5_MINUTES_BETWEEN)
    async def clear_build_registry(timer: func.TimerRequest) -> None:
        del timer  # likewise
        await platform.clearing.run()

    return triggers
