"""The warm-up: what the cold start left out, loaded before it is needed."""

import azure.durable_functions as df
from azure.functions.warmup import WarmUpContext

from functions import openapi
from shared.bootstrap import Application


def blueprint(platform: Application) -> df.Blueprint:
    triggers = df.Blueprint()

    @triggers.function_name("warmup")
    @triggers.warm_up_trigger("instance")
    def warmup(instance: WarmUpContext) -> None:  # sync, so that it runs on a thread
        del instance  # being called is all there is to it
        platform.warm_up.run()
        openapi.document_bytes()

    return triggers
