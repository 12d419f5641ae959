"""The timer that finds stranded executions: stored, but never started, or never told to stop."""

import azure.durable_functions as df
import azure.functions as func

from shared.bootstrap import Application

EVERY_30_SECONDS = "*/30 * * * * *"


def blueprint(platform: Application) -> df.Blueprint:
    triggers = df.Blueprint()

    @triggers.function_name("recover_executions")
    @triggers.timer_trigger(arg_name="timer", schedule=EVERY_30_SECONDS, run_on_startup=True)
    @triggers.generic_input_binding(arg_name="starter", type="durableClient", durableRequiresGrpc=True)
    async def recover_executions(timer: func.TimerRequest, starter: str) -> None:
        del timer  # being called is all there is to it
        platform.adapters.orchestrations.use(starter)
        await platform.recovery.run()

    return triggers
