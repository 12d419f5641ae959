"""The warm-up trigger: run once when the host is up, whatever comes of it."""

import asyncio
from pathlib import Path

import pytest
from azure.functions.warmup import WarmUpContext

from localhost.app.loading import load_app
from localhost.app.problems import StartupError
from localhost.triggers.warmup import WarmUp
from tests.host.functions import make_function
from tests.host.running import running, until

APP = """
import os, pathlib
import azure.functions as func
from azure.functions.warmup import WarmUpContext

app = func.FunctionApp()


@app.function_name("{name}")
@app.warm_up_trigger("instance")
def load(instance: WarmUpContext) -> None:
    pathlib.Path(os.environ["QUANTUM_DATA"], "notes.txt").write_text(type(instance).__name__)
"""


def app(folder: Path, name: str) -> Path:
    (folder / "function_app.py").write_text(APP.format(name=name))
    (folder / "host.json").write_text('{"version": "2.0"}')
    return folder


def test_the_warm_up_function_runs_when_the_host_is_up(tmp_path: Path) -> None:
    with running(app(tmp_path, "WarmUp"), tmp_path) as host:
        until(lambda: host.notes() == ["WarmUpContext"])


def test_a_warm_up_function_of_another_name_is_refused_as_azure_would_never_run_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(StartupError, match=r"load: .*only under its one name"):
        load_app(app(tmp_path, "load"), {})


async def test_a_warm_up_that_fails_is_logged_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    called = asyncio.Event()

    async def warmup(value: WarmUpContext) -> None:
        called.set()
        raise OSError(f"nothing to load for {value}")

    warm_up = WarmUp(make_function("warmupTrigger", warmup), warmup, delay=0)
    warm_up.start()
    await called.wait()
    await warm_up.stop()

    assert [record.message for record in caplog.records] == ["warmup failed"]


async def test_a_host_that_stops_does_not_wait_for_its_warm_up() -> None:
    called = asyncio.Event()

    async def warmup(value: WarmUpContext) -> None:
        del value
        called.set()
        await asyncio.Event().wait()

    warm_up = WarmUp(make_function("warmupTrigger", warmup), warmup, delay=0)
    warm_up.start()
    await called.wait()

    async with asyncio.timeout(60):
        await warm_up.stop()
