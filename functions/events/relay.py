"""The change-feed triggers that publish what was stored: one for each container with events."""

import azure.functions as func

from functions.events.retries import for_ever
from shared.adapters.cosmos.bodies import commit_order
from shared.bootstrap import Application
from shared.ports.documents import Container
from shared.ports.resources import COSMOS_CONNECTION, DATABASE, LEASES
from shared.services.delivery.relay import RELAYED

POLL_MILLISECONDS = 1000
"""How long a feed that has been read to its end is left alone: larger batches, and fewer request units."""
BATCH = 1000
"""Most documents in a batch; less than half of an execution's documents are events."""


def blueprint(platform: Application) -> func.Blueprint:
    triggers = func.Blueprint()  # type: ignore[no-untyped-call]  # the SDK leaves it so
    for container in RELAYED:
        _add(triggers, platform, container)
    return triggers


def _add(triggers: func.Blueprint, platform: Application, container: Container) -> None:
    name = f"relay_{container.name}"

    async def relay(changes: func.DocumentList) -> None:
        await platform.relay.publish(container, sorted((change.data for change in changes), key=commit_order))

    builder = triggers.cosmos_db_trigger(
        arg_name="changes",
        connection=COSMOS_CONNECTION,
        database_name=DATABASE,
        container_name=container.name,
        lease_container_name=LEASES,
        lease_container_prefix=name,  # functions that share it would share the changes
        feed_poll_delay=POLL_MILLISECONDS,
        max_items_per_invocation=BATCH,
        start_from_beginning=True,  # type: ignore[arg-type]  # declared as a time; the extension takes a bool
    )(relay)
    triggers.function_name(name)(for_ever(triggers, builder))
