"""The page on backups is a drill: what it says to type restores a host that was lost."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from examples import hosting
from localhost.cli import _parser
from tests import forked
from tests.docs.pages import blocks_of, needs_curl, run
from tests.e2e.api import Api

BACKUP, RESTORE, START, LOOK = blocks_of("backup.md")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], hosting.Host]]:
    """Starts the host on the folder where the page's commands leave it."""
    with ExitStack() as opened:

        def start() -> hosting.Host:
            host = forked.start(tmp_path / ".quantum", log=tmp_path / "host.log")
            opened.callback(host.stop)
            return host

        yield start


@needs_curl
def test_what_was_under_way_goes_on_from_a_backup_and_nothing_that_came_later_is_there(
    start: Callable[[], hosting.Host], tmp_path: Path
) -> None:
    host = start()
    with Api(host) as api:
        done = api.run([{"id": "text", "action": "transform", "value": "kept"}])
        steps = [{"id": "ask", "action": "approval", "message": "Shall it go on?"}]
        waits = api.execute(api.create([*steps, {"id": "after", "action": "transform", "value": "went on"}]))
        assert any(event["type"] == "approval_requested" for event in api.events(waits))
        chain = api.create([{"id": f"s{n}", "action": "transform", "value": n} for n in range(5)])
        busy = [api.execute(chain) for _ in range(12)]
        typed = BACKUP.replace("localhost backup", f"localhost backup --data {host.data}")
        assert "checked" in run(typed, host, folder=tmp_path).stdout
        later = api.run([{"id": "text", "action": "transform", "value": "after the backup"}])
    host.kill()

    run(RESTORE, host, folder=tmp_path)
    restored = start()
    with Api(restored) as api, Api(restored, user="grace") as approver:
        assert api.get(done["execution_id"])["steps"] == done["steps"]
        assert api.client.get(f"/executions/{later['execution_id']}").status_code == 404
        for execution in busy:
            list(api.events(execution))
            assert api.get(execution)["status"] == "completed"
        approved = approver.client.post(f"/executions/{waits}/steps/ask/approve", json={})
        assert approved.status_code == 202, approved.text
        list(api.events(waits))
        ended = api.get(waits)
        assert ended["status"] == "completed", ended
        assert ended["steps"][1]["outputs"]["value"] == "went on"
        look = LOOK.replace("http://127.0.0.1:7072", restored.url).replace("--data drill ", "")
        shown = run(look, restored).stdout
    assert '"status":"ok"' in shown
    assert '"verified":true' in shown


def test_the_drill_is_a_host_beside_the_other_that_runs_no_processes() -> None:
    copied, started = START.splitlines()
    assert copied.split()[-1] == "drill"
    assert started.startswith("QUANTUM_LOCAL_TARGET=refuse ")
    _, _, arguments = started.partition("-m localhost ")
    options = _parser(arguments.split()).parse_args(arguments.split())
    assert (options.port, options.data) == (7072, "drill")
