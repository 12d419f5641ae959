"""The trigger of the relay, over what Cosmos DB's change feed hands to it."""

import json
import random

import azure.functions as func

from localhost.sqlite.events import SqliteEvents
from tests.http.harness import World, functions, serving


def stored(lsn: int, place: int, step: str) -> func.Document:
    return func.Document.from_dict(
        {
            "id": f"event:{step}/1:step_completed",
            "kind": "event",
            "type": "step_completed",
            "time": "2026-01-04T10:00:00.000000Z",
            "data": {"step": step},
            "tenant_id": "acme",
            "execution_id": "run",
            "_lsn": lsn,
            "_w": f"transaction-{lsn}:{place}",
        }
    )


async def test_events_are_published_in_the_order_of_commits_whatever_the_order_in_a_transaction(
    world: World,
) -> None:
    changes = [stored(lsn, place, f"s{lsn}-{place}") for lsn in range(9, 12) for place in range(10)]
    wanted = [f"run/{change['data']['step']}/1/step_completed" for change in changes]
    shuffled = random.Random(7).sample(changes, len(changes))
    trigger = next(one for one in functions() if one.get_function_name() == "relay_executions")
    with serving(world.platform):
        await trigger.get_user_function()(func.DocumentList(shuffled))
    events = world.adapters.events
    assert isinstance(events, SqliteEvents)
    found = [
        json.loads(event.body)["id"]
        for partition in range(events.partitions)
        for event in await events.read(partition, after=0, limit=100)
    ]
    assert found == wanted
