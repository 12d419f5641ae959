"""Schedules of a real host: times that passed while it was away are made up, once, whatever becomes of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from examples import hosting
from localhost.sqlite.documents import SqliteDocuments
from shared.domain.times import rfc3339
from shared.ports.documents import TENANCY, Patch
from shared.security.scope import TenantScope
from shared.services import agenda, schedules
from shared.services.members import DIRECTORY
from tests.e2e.api import Api
from tests.host.running import until

STEP = {"id": "a", "action": "transform", "outputs": {"x": 1}}
NAMES = [f"s{number}" for number in range(10)]


def test_what_was_missed_while_the_host_was_away_is_executed_once_through_kills(tmp_path: Path) -> None:
    data, log = tmp_path / "data", tmp_path / "host.log"
    host = hosting.start(data, log=log)
    try:
        with Api(host) as api:
            intent = api.create([STEP])
            for name in NAMES:
                body = {"intent": intent, "cron": "@hourly", "overlap": "allow", "catch_up": 3}
                assert api.client.put(f"/schedules/{name}", json=body).status_code == 200
            assert fired(api) == []
        host.kill()
        asyncio.run(be_away(data / "documents.db", timedelta(hours=6)))
        for _ in range(3):
            host = hosting.start(data, log=log)
            fire(host)
            host.kill()
        host = hosting.start(data, log=log)
        fire(host)
        with Api(host) as api:
            until(lambda: len(fired(api)) >= 3 * len(NAMES))
            until(lambda: all(one["status"] == "completed" for one in fired(api)))
            found = fired(api)
            times = {(one["schedule"]["name"], one["schedule"]["scheduled_at"]) for one in found}
            assert len(times) == len(found)
            for name in NAMES:
                shown = api.client.get(f"/schedules/{name}").json()
                assert (shown["status"], shown["waiting"]) == ("active", [])
                newest = max(time for who, time in times if who == name)
                assert shown["last_execution"]["scheduled_at"] == newest
    finally:
        host.kill()


def fire(host: hosting.Host) -> None:
    """Run the timer by hand, as the Functions host lets operators do; it is not waited for."""
    answer = httpx.post(f"{host.url}/admin/functions/fire_schedules", json={"input": ""})
    assert answer.status_code == 202, answer.text


def fired(api: Api) -> list[dict[str, Any]]:
    items = api.client.get("/executions", params={"limit": 200}).json()["items"]
    return [item for item in items if item["schedule"]]


async def be_away(file: Path, time: timedelta) -> None:
    """Leave the schedules as they were had the host been away for so long."""
    documents = SqliteDocuments(file)
    past = rfc3339((datetime.now(UTC) - time).replace(minute=0, second=0, microsecond=0))
    try:
        for name in NAMES:
            await documents.transact(
                TenantScope("acme"),
                container=TENANCY,
                partition=schedules.PARTITION,
                operations=[Patch(name, set={("firings", "next_at"): past})],
            )
            await documents.transact(
                TenantScope(DIRECTORY),
                container=TENANCY,
                partition=agenda.PARTITION,
                operations=[Patch(f"acme:{name}", set={("due",): past, ("noted_at",): past})],
            )
    finally:
        documents.close()
