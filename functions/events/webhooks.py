"""The hub's consumer that starts a webhook delivery for each event that a subscription wants."""

import typing

import azure.functions as func

from functions.events.retries import for_ever
from shared.bootstrap import Application
from shared.ports.resources import EVENT_HUB_CONNECTION, HUB, WEBHOOKS_GROUP


def blueprint(platform: Application) -> func.Blueprint:
    triggers = func.Blueprint()  # type: ignore[no-untyped-call]  # the SDK leaves it so

    @triggers.function_name("notify_subscribers")
    @triggers.event_hub_message_trigger(
        arg_name="events",
        connection=EVENT_HUB_CONNECTION,
        event_hub_name=HUB,
        consumer_group=WEBHOOKS_GROUP,
        cardinality="many",
    )
    @triggers.generic_input_binding(arg_name="starter", type="durableClient", durableRequiresGrpc=True)
    async def notify_subscribers(
        events: typing.List[func.EventHubEvent],  # noqa: UP006 - the worker's loader refuses list[...]
        starter: str,
    ) -> None:
        platform.adapters.orchestrations.use(starter)
        await platform.webhooks.notify([event.get_body() for event in events])

    for_ever(triggers, notify_subscribers)
    return triggers
