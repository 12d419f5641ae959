"""A host that is killed keeps the queue: nobody is lost, nobody goes before their turn."""

from datetime import datetime
from pathlib import Path
from typing import Any

from tests import forked
from tests.e2e.api import Api

PAUSE = [{"id": "pause", "action": "wait", "seconds": 0.3}]
LIMIT = 2


def test_a_killed_host_goes_on_with_its_queue(tmp_path: Path, stores: dict[str, str]) -> None:
    data, log = tmp_path / "data", tmp_path / "log"
    host = forked.start(data, log=log, **stores)
    try:
        with Api(host) as api:
            intent = api.create(PAUSE, concurrency={"limit": LIMIT})
            made = [api.execute(intent) for _ in range(8)]
        host.kill()
        host = forked.start(data, log=log, **stores)
        with Api(host) as api:
            ended = [_ended(api, execution) for execution in made]
    finally:
        host.stop()
    assert {one["status"] for one in ended} == {"completed"}
    spans = [(_time(one["started_at"]), _time(one["finished_at"])) for one in ended]
    # Of those that go together, either may be the first to say so.
    assert all(before[0] < after[0] for before, after in zip(spans, spans[LIMIT:], strict=False))
    for began, _ in spans:
        assert sum(start <= began < end for start, end in spans) <= LIMIT


def _ended(api: Api, execution: str) -> dict[str, Any]:
    list(api.events(execution))
    return api.get(execution)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
