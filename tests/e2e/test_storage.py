"""A full disk and a locked file under a running host: refused with 503, recovered from, nothing lost."""

import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import pytest

from examples import hosting
from tests import forked
from tests.e2e.api import Api

STEPS = [{"id": f"s{number}", "action": "wait", "seconds": 0.3} for number in range(4)]
EXECUTIONS = 8


@contextmanager
def full_disk(host: hosting.Host) -> Iterator[None]:
    """No file of the host may grow, or be written at all: what a write to a full disk comes to."""
    before = resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def locked(host: hosting.Host) -> Iterator[None]:
    """Another process holds the write lock of every database."""
    with ExitStack() as held:
        for path in sorted(host.data.glob("*.db")):
            connection = held.enter_context(closing(sqlite3.connect(path, isolation_level=None, timeout=20)))
            connection.execute("BEGIN EXCLUSIVE")
        yield


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process are a thing of Linux")
@pytest.mark.parametrize("fault", [full_disk, locked])
def test_what_cannot_be_stored_is_refused_with_503_and_what_was_acknowledged_completes(
    tmp_path: Path, fault: Callable[[hosting.Host], AbstractContextManager[None]]
) -> None:
    host = forked.start(tmp_path / "data", log=tmp_path / "host.log")
    try:
        with Api(host) as api:
            intent = api.create(STEPS)
            acknowledged = [api.execute(intent) for _ in range(EXECUTIONS)]
            known = {item["id"] for item in api.client.get("/intents").json()["items"]}
            with fault(host):
                spent = _cpu_seconds(host)
                began = time.monotonic()
                with ThreadPoolExecutor() as pool:  # a lock is waited for: both at once
                    executed = pool.submit(api.client.post, f"/intents/{intent}/execute")
                    refused = {"name": "refused", "definition": {}}
                    created = pool.submit(api.client.post, "/intents", json=refused)
                _assert_unavailable(executed.result())
                _assert_unavailable(created.result())
                assert api.client.get("/health").status_code == 200
                assert api.get(acknowledged[0])["execution_id"] == acknowledged[0]
                assert _cpu_seconds(host) - spent < 1 + 0.5 * (time.monotonic() - began), "a busy loop"
            for execution in acknowledged:
                assert [event["type"] for event in api.events(execution)][-1] == "execution_completed"
                assert api.get(execution)["progress"]["completed"] == len(STEPS)
            assert {item["id"] for item in api.client.get("/intents").json()["items"]} == known
            assert len(api.client.get("/executions").json()["items"]) == EXECUTIONS
        assert host.process.poll() is None
    finally:
        host.stop()


def _assert_unavailable(response: httpx.Response) -> None:
    assert response.status_code == 503, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert int(response.headers["retry-after"]) >= 1
    assert response.json()["code"] == "UNAVAILABLE"


def _cpu_seconds(host: hosting.Host) -> float:
    fields = Path(f"/proc/{host.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
