"""What only the local target promises: processes end with the host, and come back with it where they were."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from localhost.target.target import MAX_REPLICAS, LocalTarget
from shared.domain.workloads import Deployment, Port, Probe, Workload
from shared.ports.targets import TargetError
from shared.security.scope import TenantScope
from tests.host.running import until
from tests.target.folders import FolderImages

ACME = TenantScope("acme")
SHIM = Path("localhost/target/shim.py")


def web(version: str = "1", replicas: int = 1) -> Workload:
    readiness = Probe("/health", period=0.05, timeout=10, failures=1)  # a busy machine answers late
    env = {"VERSION": version}
    return Workload("production", "web", "web:1", replicas, [Port(8080)], env, readiness=readiness)


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[LocalTarget]:
    target = LocalTarget(tmp_path / "target", FolderImages(tmp_path / "image"))
    yield target
    await target.close()


async def ready(target: LocalTarget, deployment: Deployment) -> str:
    """Where it answers, once it does."""
    end = time.monotonic() + 60
    while (rollout := await target.rollout(ACME, deployment)).state != "ready":
        assert rollout.state == "progressing", rollout
        assert time.monotonic() < end, rollout
        await asyncio.sleep(0.02)
    assert rollout.address is not None
    return rollout.address


async def answer(address: str) -> tuple[str, int]:
    """The version that answers at ``address``, and the id of its process."""
    async with httpx.AsyncClient(timeout=30) as client:
        version, process = (await client.get(address)).text.split()
    return version, int(process)


async def another(address: str, before: int | None = None) -> int:
    """The process that answers there, as soon as one does that is not the one from before."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (process := (await answer(address))[1]) != before:
                    return process
            await asyncio.sleep(0.02)


async def test_connections_go_to_all_copies_in_turn(target: LocalTarget) -> None:
    address = await ready(target, await target.apply(ACME, web(replicas=3), key="one"))
    assert len({(await answer(address))[1] for _ in range(3)}) == 3


async def test_nobody_is_turned_away_while_one_version_takes_anothers_place(
    target: LocalTarget,
) -> None:
    address = await ready(target, await target.apply(ACME, web("1"), key="one"))
    versions = [(await answer(address))[0]]
    second = await target.apply(ACME, web("2"), key="two")
    while "2" not in versions:
        versions.append((await answer(address))[0])
    assert set(versions) == {"1", "2"}
    assert await ready(target, second) == address


async def test_without_ports_it_listens_on_those_that_its_image_exposes(target: LocalTarget) -> None:
    bare = replace(web(), ports=[])
    assert (await answer(await ready(target, await target.apply(ACME, bare, key="one"))))[0] == "1"


async def test_a_copy_that_ends_is_started_anew(target: LocalTarget) -> None:
    address = await ready(target, deployment := await target.apply(ACME, web(), key="one"))
    _, process = await answer(address)
    os.kill(process, signal.SIGKILL)
    assert await another(address, process) != process
    await ready(target, deployment)


async def test_a_copy_that_is_not_alive_is_started_anew(target: LocalTarget, tmp_path: Path) -> None:
    sick = tmp_path / "sick"
    # That leaves it three seconds to start; on a machine where it takes longer, it is started again.
    alive = Probe("/health", period=0.05, failures=60)
    workload = replace(web(), readiness=None, liveness=alive, env={"SICK": str(sick)})
    process = await another(await ready(target, await target.apply(ACME, workload, key="one")))
    sick.touch()
    await asyncio.to_thread(until, lambda: not _lives(process))


async def test_what_ran_runs_again_at_its_address_when_the_host_is_back(tmp_path: Path) -> None:
    images = FolderImages(tmp_path / "image")
    target = LocalTarget(tmp_path / "target", images)
    address = await ready(target, deployment := await target.apply(ACME, web(), key="one"))
    _, process = await answer(address)
    await target.close()
    assert not _lives(process)
    again = LocalTarget(tmp_path / "target", images)
    await again.start()
    assert await ready(again, deployment) == address
    await again.close()


def test_a_program_does_not_outlive_a_host_that_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "told"
    program = f"import os, time; open({str(told)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    host = f"""
import subprocess, sys, time
shim = [sys.executable, {str(SHIM)!r}, "5", sys.executable, "-c", {program!r}]
subprocess.Popen(shim, stdin=subprocess.PIPE)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", host])
    process = int(until(lambda: told.exists() and told.read_text()))
    parent.kill()
    parent.wait()
    until(lambda: not _lives(process))


def test_a_program_that_will_not_end_is_made_to_with_all_that_it_started(tmp_path: Path) -> None:
    told = tmp_path / "told"
    child = f"import os, time; open({str(told)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    program = f"""
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", {child!r}])
time.sleep(600)
"""
    command = [sys.executable, str(SHIM), "0.2", sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as shim:
        process = int(until(lambda: told.exists() and told.read_text()))
        assert shim.stdin is not None
        shim.stdin.close()
        assert shim.wait(30) == 128 + signal.SIGKILL
    until(lambda: not _lives(process))


@pytest.mark.parametrize(("code", "status"), [("import sys; sys.exit(7)", 7), ("import os; os.abort()", 134)])
def test_the_shim_ends_as_its_program_does(code: str, status: int) -> None:
    command = [sys.executable, str(SHIM), "1", sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as shim:
        assert shim.wait(30) == status


async def test_programs_get_nothing_of_the_hosts_environment(
    target: LocalTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUANTUM_CREDENTIALS_SECRET", "hush")
    address = await ready(target, await target.apply(ACME, web(), key="one"))
    _, process = await answer(address)
    names = _environment(process)
    assert names >= {"PATH", "HOME", "IMAGE", "VERSION", "PORT", "PORT_8080"}
    assert "QUANTUM_CREDENTIALS_SECRET" not in names


async def test_an_image_that_there_is_not_and_too_many_copies_are_refused(target: LocalTarget) -> None:
    workload = Workload("production", "web", "missing")
    with pytest.raises(TargetError, match="there is no image"):
        await target.apply(ACME, workload, key="one")
    with pytest.raises(TargetError, match=f"at most {MAX_REPLICAS} copies"):
        await target.apply(ACME, web(replicas=MAX_REPLICAS + 1), key="one")


async def test_what_a_tenant_had_is_forgotten_whole(target: LocalTarget, tmp_path: Path) -> None:
    address = await ready(target, deployment := await target.apply(ACME, web(), key="one"))
    _, process = await answer(address)
    await target.forget(ACME)
    assert not _lives(process)
    assert not list((tmp_path / "target" / "logs").rglob("*.log"))
    with pytest.raises(TargetError, match="no such deployment"):
        await target.rollout(ACME, deployment)


def _environment(process: int) -> set[str]:
    """The names of the variables that a process has."""
    environment = Path(f"/proc/{process}/environ")
    if not environment.exists():
        pytest.skip("this system does not show the environment of processes")
    return {entry.partition("=")[0] for entry in environment.read_text().split("\0") if entry}


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
