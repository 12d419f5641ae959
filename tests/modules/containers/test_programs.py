"""Programs of this machine, as builders start them."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest
import uvloop

from shared.modules.containers.building.benches import PREFIX, clear_abandoned
from shared.modules.containers.building.programs import Program
from tests.modules.containers.building import wait_until


def test_a_program_runs_on_the_event_loop_of_the_local_host_with_nothing_of_its_environment(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    program = Program("sh", tmp_path, {"GIVEN": "1"})

    async def run() -> int:
        return await program.run(["-c", "env; pwd; echo to stderr >&2; exit 3"], said.append)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(run()) == 3
    names = {line.partition("=")[0] for line in said if "=" in line}
    assert names - {"_", "SHLVL", "OLDPWD", "PWD"} == {"GIVEN", "HOME", "LC_ALL", "PATH", "TMPDIR"}
    assert said[-2:] == [str(tmp_path), "to stderr"]


def test_a_program_whose_output_is_refused_is_ended_with_all_that_it_has_begun(tmp_path: Path) -> None:
    mark = tmp_path / "still-there"

    def refuse(line: str) -> None:
        raise ValueError(line)

    async def run() -> None:
        await Program("sh", tmp_path, {}).run(["-c", f"(sleep 1; touch {mark}) & echo go; sleep 60"], refuse)

    with (
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        pytest.raises(ValueError, match="go"),
    ):
        runner.run(run())
    wait_until(lambda: not [one for one in psutil.process_iter(["cmdline"]) if _has(one, str(mark))])
    assert not mark.exists()


def _has(process: psutil.Process, text: str) -> bool:
    return any(text in part for part in process.info["cmdline"] or ())


def test_what_a_host_that_was_killed_has_left_is_cleared_with_what_still_works_there(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    left, own = tmp_path / f"{PREFIX}{dead.pid}-x", tmp_path / f"{PREFIX}{os.getpid()}-x"
    for folder in (left, own, tmp_path / f"{PREFIX}other"):
        (folder / "home").mkdir(parents=True)
    orphan = subprocess.Popen(["sleep", "60"], env={**os.environ, "HOME": str(left / "home")})
    other = subprocess.Popen(["sleep", "60"], env={**os.environ, "HOME": str(own / "home")})
    clear_abandoned(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([own.name, f"{PREFIX}other"])
    if Path("/proc/self/environ").exists():
        assert orphan.wait(20) == -signal.SIGKILL
    assert other.poll() is None
    for process in (orphan, other):
        process.kill()
        process.wait()
