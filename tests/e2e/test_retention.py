"""A host forgets what finished executions left behind, though it is killed while it does."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from localhost.sqlite.documents import SqliteDocuments
from shared.domain.times import rfc3339
from shared.ports.documents import EXECUTIONS, Patch
from shared.ports.documents import Path as FieldPath
from shared.security.scope import TenantScope
from shared.services.steps.attempts import HEAD
from tests import forked
from tests.e2e.api import Api
from tests.host.running import until
from tests.hosts import run_by_hand

COUNT = 60
STEPS = [{"id": f"s{i}", "action": "transform", "value": "x" * 400} for i in range(6)]
ENDED, RUNNING = "ended", "running"


def test_what_ended_long_ago_is_purged_although_the_host_is_killed_meanwhile(tmp_path: Path) -> None:
    data, log = tmp_path / "data", tmp_path / "host.log"
    host = forked.start(data, log=log)
    try:
        with Api(host) as api:
            ended, young, running = executed(api)
        host.stop()
        asyncio.run(grow_old(data, [*ended, running]))
        before = bytes_of(data, ended)
        total = len(left_behind(data, ended))
        for share in (0.8, 0.4):
            host = forked.start(data, log=log)
            run_by_hand(host, "purge_executions")
            until(partial(fewer_are_left, data, ended, share * total), longest=0.01)
            host.kill()
        host = forked.start(data, log=log)
        run_by_hand(host, "purge_executions")
        with Api(host) as api:
            until(lambda: all(api.client.get(f"/executions/{one}").status_code == 404 for one in ended))
            until(lambda: not left_behind(data, ended))
            assert api.get(young)["status"] == "completed"
            assert api.get(running)["status"] == "waiting"
            chains = api.client.get("/audit/verification").json()
            assert (chains["verified"], chains["damage"]) == (True, [])
            trail = api.client.get(f"/executions/{ended[0]}/audit").json()
            assert [item["action"] for item in trail["items"]] == ["execution.create"]
            api.client.post(f"/executions/{running}/cancel")
            until(lambda: api.get(running)["status"] == "cancelled")
        host.stop()
        print("bytes of an execution:", before, "->", bytes_of(data, ended))
    finally:
        host.kill()


def executed(api: Api) -> tuple[list[str], str, str]:
    """Executions that have ended, one that will be younger, and one that waits."""
    for name, steps in {ENDED: STEPS, RUNNING: [{"id": "a", "action": "wait", "seconds": 86_400}]}.items():
        made = api.client.post("/intents", json={"name": name, "definition": {"steps": steps}})
        assert made.is_success, made.text
    ended = [api.execute(ENDED) for _ in range(COUNT + 1)]
    running = api.execute(RUNNING)
    until(lambda: all(api.get(one)["status"] == "completed" for one in ended))
    until(lambda: api.get(running)["status"] == "waiting")
    return ended[1:], ended[0], running


async def grow_old(data: Path, executions: Sequence[str]) -> None:
    """Leave everything as it was had the executions been made a hundred days ago, and ended at once if so."""
    long_ago = datetime.now(UTC) - timedelta(days=100)
    with closing(SqliteDocuments(data / "documents.db")) as documents:
        for execution in executions:
            head = await documents.read(
                TenantScope("acme"), container=EXECUTIONS, partition=execution, id=HEAD
            )
            assert head is not None
            ended = rfc3339(long_ago) if head.body["finished_at"] else None
            aged: Mapping[FieldPath, Any] = {("created_at",): rfc3339(long_ago), ("finished_at",): ended}
            await documents.transact(
                TenantScope("acme"),
                container=EXECUTIONS,
                partition=execution,
                operations=[Patch(HEAD, set=aged)],
            )
    with closing(sqlite3.connect(data / "quantum.db")) as hub, hub:
        hub.execute("UPDATE instances SET created_at = ?", (int(long_ago.timestamp() * 1e6),))


def fewer_are_left(data: Path, executions: Sequence[str], than: float) -> bool:
    return len(left_behind(data, executions)) < than


def left_behind(data: Path, executions: Sequence[str]) -> list[str]:
    """Kinds of documents that are still there, and instances of the hub that are."""
    named = ",".join("?" * len(executions))
    with closing(sqlite3.connect(data / "documents.db")) as store:
        kinds = store.execute(
            f"SELECT kind FROM documents WHERE partition IN ({named}) AND kind NOT IN ('audit', 'chain')"
            " UNION ALL SELECT kind FROM documents WHERE kind = 'purge'",
            executions,
        ).fetchall()
    with closing(sqlite3.connect(data / "quantum.db")) as hub:
        instances = hub.execute(f"SELECT id FROM instances WHERE id IN ({named})", executions).fetchall()
    return [str(row[0]) for row in kinds + instances]


def bytes_of(data: Path, executions: Sequence[str]) -> dict[str, int]:
    """What each execution takes in either file, on the average."""
    named, count = ",".join("?" * len(executions)), len(executions)
    with closing(sqlite3.connect(data / "documents.db")) as store:
        (documents,) = store.execute(
            f"SELECT coalesce(sum(length(body)), 0) FROM documents WHERE partition IN ({named})", executions
        ).fetchone()
    with closing(sqlite3.connect(data / "quantum.db")) as hub:
        (history,) = hub.execute(
            f"SELECT coalesce(sum(length(chunk)), 0) FROM history WHERE instance_id IN ({named})", executions
        ).fetchone()
    return {"documents": documents // count, "history": history // count}
