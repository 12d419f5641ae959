"""Kill -9 while keyed requests come in, each several times at once: none is done twice, and all are done."""

import asyncio
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep

import httpx

from examples import hosting
from localhost.identity.token import settings_of_host
from localhost.stores import document_store
from shared.adapters.system import SystemClock
from shared.domain.times import rfc3339
from shared.ports.documents import COUNTERS, Patch, Query
from shared.ports.telemetry import NO_TELEMETRY
from shared.security.scope import TenantScope
from shared.services.idempotency import RECORD
from tests import forked
from tests.e2e.api import Api

KEYS = 120
SENDERS = 8
SECONDS = 90.0
"""For all to be answered."""


def test_no_keyed_execution_is_made_twice_though_the_host_is_killed(
    tmp_path: Path, stores: dict[str, str]
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    data, log = tmp_path / "data", tmp_path / "host.log"
    host = forked.start(data, log=log, **stores)
    try:
        with Api(host) as api:
            intent = api.create([{"id": "a", "action": "assert", "condition": "true"}])
        keys = [f"key-{number}" for number in range(KEYS)] * 2
        rng.shuffle(keys)
        told = _until_killed(host, intent, keys, after=rng.randrange(KEYS // 2, KEYS))
        asyncio.run(_end_turns(host))
        host = forked.start(data, log=log, **stores)
        with Api(host) as api:
            answers = {key: _persist(api, intent, key) for key in keys}
            made = list(_executions(api))
            for execution in made:
                assert list(api.events(execution))[-1]["type"] == "execution_completed"
    finally:
        host.kill()
    assert Counter(made) == Counter(answers.values())
    for key, execution in told:
        assert answers[key] == execution


def _until_killed(host: hosting.Host, intent: str, keys: list[str], *, after: int) -> list[tuple[str, str]]:
    """Send all at once and kill the host when so many are answered; the executions that were told of."""
    told: list[tuple[str, str]] = []
    enough = threading.Event()

    def send(key: str) -> None:
        try:
            response = _send(api, intent, key)
        except httpx.TransportError:
            return
        if response.status_code == 202:
            told.append((key, response.json()["execution_id"]))
        if len(told) >= after:
            enough.set()

    with Api(host) as api, ThreadPoolExecutor(SENDERS) as senders:
        for key in keys:
            senders.submit(send, key)
        assert enough.wait(SECONDS)
        host.kill()
        senders.shutdown(cancel_futures=True)
    return told


async def _end_turns(host: hosting.Host) -> None:
    """Let half a minute go by: requests that the host died over have their next turn after that."""
    clock, acme = SystemClock(), TenantScope("acme")
    store = document_store(settings_of_host(host.data, os.environ | host.settings), clock, NO_TELEMETRY)
    try:
        page = await store.port.query(acme, Query(COUNTERS, "idempotency", limit=KEYS))
        for record in page.items:
            if record.body["answer"] is None:
                await store.port.transact(
                    acme,
                    container=COUNTERS,
                    partition=str(record.body[COUNTERS.partition_field]),
                    operations=[Patch(RECORD, set={("until",): rfc3339(clock.now())})],
                )
    finally:
        for close in store.closers:
            await close()


def _persist(api: Api, intent: str, key: str) -> str:
    """Send it until it is answered."""
    deadline = monotonic() + SECONDS
    while (response := _send(api, intent, key)).status_code != 202:
        assert response.status_code in {409, 503}, response.text
        assert monotonic() < deadline, response.text
        sleep(int(response.headers["retry-after"]))
    return str(response.json()["execution_id"])


def _send(api: Api, intent: str, key: str) -> httpx.Response:
    return api.client.post(f"/intents/{intent}/execute", headers={"Idempotency-Key": key})


def _executions(api: Api) -> Iterator[str]:
    page: dict[str, str | None] = {"limit": "200"}
    while True:
        listed = api.client.get("/executions", params=page).json()
        yield from (item["execution_id"] for item in listed["items"])
        if listed["next_cursor"] is None:
            return
        page["cursor"] = listed["next_cursor"]
