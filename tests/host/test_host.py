"""The composition of one host, in process."""

import asyncio
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from localhost.app.functions import Function, LoadedApp
from localhost.app.hostjson import HostSettings
from localhost.app.problems import StartupError
from localhost.durable.workers import Workers
from localhost.host import Host, Hub
from localhost.triggers.state import StateFile
from tests.host.functions import make_function
from tests.host.running import until


def make_app(folder: Path, *functions: Function) -> LoadedApp:
    return LoadedApp(folder, HostSettings(route_prefix=""), functions, disabled=(), streams_http=True)


async def mine(value: object) -> Response:
    return PlainTextResponse("mine")


@pytest.mark.parametrize(
    ("route", "path", "text"),
    [
        ("{*rest}", "/", "mine"),
        ("{*rest}", "/identity/keys", "mine"),
        ("a/{id}", "/a/1", "mine"),
        ("a/{id}", "/identity/keys", "theirs"),
        ("a/{id}", "/", "is running"),
    ],
)
async def test_the_app_comes_first_then_the_local_services_and_the_hosts_page(
    tmp_path: Path, route: str, path: str, text: str
) -> None:
    function = make_function("httpTrigger", mine, route=route, authLevel="ANONYMOUS")
    theirs = Route("/identity/keys", lambda _: PlainTextResponse("theirs"))
    host = Host(make_app(tmp_path, function), tmp_path, "http://127.0.0.1:1", extra_routes=[theirs])
    await host.start(no_hub)
    transport = httpx.ASGITransport(host.asgi)

    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:1") as client:
        answer = await client.get(path)

    await host.stop(grace=1)
    assert text in answer.text


def test_broken_keys_are_named(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text('{"master": "short"}')

    with pytest.raises(StartupError, match="master is not a key of at least 16 characters"):
        Host(make_app(tmp_path), tmp_path, "http://127.0.0.1:1")


def test_a_state_file_survives_and_a_broken_one_starts_empty(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "state.json"
    StateFile(path).set("a", {"b": 1})

    assert StateFile(path).get("a") == {"b": 1}
    path.write_text("{")
    assert StateFile(path).get("a") is None
    assert "starts empty" in caplog.text


def no_hub(path: Path, workers: Workers, name: str) -> Hub:
    raise AssertionError("an app without durable functions needs no engine")


async def test_the_engine_is_drained_before_stores_are_closed(tmp_path: Path) -> None:
    order: list[str] = []

    async def close_store() -> None:
        order.append("store closed")

    async def activity(value: str) -> str:
        return value

    timer = make_function("timerTrigger", activity, schedule="1:00:00")
    app = make_app(tmp_path, make_function("activityTrigger", activity), timer)
    host = Host(app, tmp_path, "http://127.0.0.1:1", closers=[close_store])
    await host.start(lambda path, workers, name: RecordingHub(order))
    host.start_triggers()

    assert await host.stop(grace=1)

    assert order == ["served", "started", "settled", "drained", "store closed"]


class RecordingHub:
    """An engine that does nothing but say when it was told to."""

    def __init__(self, order: list[str]) -> None:
        self._order = order

    async def start(self) -> None:
        self._order.append("started")

    async def serve(self, port: int = 0) -> str:
        self._order.append("served")
        return "127.0.0.1:1"

    async def settle(self, timeout: float) -> None:  # noqa: ASYNC109
        self._order.append("settled")

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109
        self._order.append("drained")


async def test_state_that_may_wait_is_there_at_once_and_in_the_file_soon(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state = StateFile(path)
    for number in range(3):
        state.set_soon("a", number)
    assert (state.get("a"), path.exists()) == (2, False)
    await asyncio.to_thread(until, path.exists)
    assert StateFile(path).get("a") == 2
    state.set_soon("a", 3)
    state.flush()
    assert StateFile(path).get("a") == 3
