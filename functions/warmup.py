"""The warm-up: what the cold start left out, loaded before it is needed."""

import asyncio

import azure.durable_functions as df
from azure.functions.warmup import WarmUpContext

from functions.openapi.document import document_bytes
from shared.bootstrap import Application


def blueprint(platform: Application) -> df.Blueprint:
    triggers = df.Blueprint()

    @triggers.function_name("warmup")
    @triggers.warm_up_trigger("instance")
    async def warmup(instance: WarmUpContext) -> None:
        del instance  # being called is all there is to it
        await asyncio.to_thread(_load, platform)
        await platform.health.begin()  # an address or a key that is wrong is in the log now

    return triggers


def _load(platform: Application) -> None:
    platform.warm_up.run()
    document_bytes()
