"""What is asked of a platform that dies meanwhile."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

from quantum.client import Client, Retries
from tests import forked
from tests.client.conftest import token_of

PATIENT = Retries(attempts=500, first=0.1, longest=0.2)
"""However long a host takes to start on a busy machine."""


async def test_streams_and_changes_go_on_through_a_death_of_the_host(tmp_path: Path) -> None:
    data, log = tmp_path / "data", tmp_path / "host.log"
    host = await asyncio.to_thread(forked.start, data, log=log)
    port = str(urlsplit(host.url).port)
    token = await asyncio.to_thread(token_of, host)
    steps = [
        {"id": "before", "action": "transform", "value": 1},
        {"id": "rest", "action": "wait", "seconds": 1},
    ]
    try:
        async with Client(host.url, token=token, retries=PATIENT) as client:
            await client.intents.create("survivor", {"steps": steps})
            watched = await client.intents.execute("survivor")
            events = client.stream(f"/api/v1/executions/{watched.execution_id}/events")
            seen = [await anext(events) for _ in range(4)]
            host.kill()
            again = asyncio.create_task(client.intents.execute("survivor"))
            host = await asyncio.to_thread(forked.start, data, log=log, port=port)
            seen += [event async for event in events]
            assert (await again).execution_id != watched.execution_id
            assert len(await client.executions.list(intent="survivor").all()) == 2
    finally:
        host.kill()
    told = [(event["type"], event.get("step")) for event in seen]
    assert told[-2:] == [("step_completed", "rest"), ("execution_completed", None)]
    assert len(told) == len(set(told)) == 6, "each came once"
