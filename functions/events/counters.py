"""The hub's consumer that counts each tenant's days."""

import typing

import azure.functions as func

from functions.events.retries import for_ever
from shared.bootstrap import Application
from shared.ports.resources import COUNTERS_GROUP, EVENT_HUB_CONNECTION, HUB


def blueprint(platform: Application) -> func.Blueprint:
    triggers = func.Blueprint()  # type: ignore[no-untyped-call]  # the SDK leaves it so

    @triggers.function_name("count_events")
    @triggers.event_hub_message_trigger(
        arg_name="events",
        connection=EVENT_HUB_CONNECTION,
        event_hub_name=HUB,
        consumer_group=COUNTERS_GROUP,
        cardinality="many",
    )
    async def count_events(
        events: typing.List[func.EventHubEvent],  # noqa: UP006 - the worker's loader refuses list[...]
    ) -> None:
        await platform.counters.count([event.get_body() for event in events])

    for_ever(triggers, count_events)
    return triggers
