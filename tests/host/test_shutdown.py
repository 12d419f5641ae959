"""How a host ends: what is in flight is finished in order, and nothing is kept waiting for ever."""

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx

from tests.host.running import (
    APPS,
    DEADLINE,
    RunningHost,
    command,
    environment,
    finished,
    refused,
    running,
    until,
)


def test_requests_in_flight_are_answered_and_streams_are_ended_whole(
    tmp_path: Path, client: httpx.Client
) -> None:
    with running(APPS / "streaming", tmp_path) as host, ThreadPoolExecutor() as threads:
        stream = threads.submit(lambda: httpx.get(f"{host.url}/events", timeout=DEADLINE))
        until(lambda: "stream began" in host.notes())
        slow = threads.submit(lambda: httpx.get(f"{host.url}/slow", timeout=DEADLINE))
        until(lambda: "slow began" in host.notes())

        assert host.stop() == 0

        assert slow.result().text == "done"
        assert stream.result().text.startswith("data: 0\n\n")  # and its last chunk: no protocol error
        assert "stopped" in host.log.read_text()


def test_a_second_signal_ends_the_host_at_once(tmp_path: Path) -> None:
    with running(APPS / "streaming", tmp_path) as host, ThreadPoolExecutor() as threads:
        slow = threads.submit(_ask_in_vain, f"{host.url}/slow")
        until(lambda: "slow began" in host.notes())

        host.process.send_signal(signal.SIGINT)
        until(lambda: "a second signal stops at once" in host.log.read_text())
        host.process.send_signal(signal.SIGINT)

        assert host.process.wait(DEADLINE) == 130
        assert slow.result() == "cut off"
        assert "slow ended" not in host.notes()


def test_what_is_in_flight_goes_on_after_a_stop_and_after_a_kill(
    tmp_path: Path, client: httpx.Client
) -> None:
    with running(APPS / "classic", tmp_path) as first:
        client.post(f"{first.url}/api/start/approval/kept").raise_for_status()
        until(lambda: client.get(_instance(first, "kept")).json()["customStatus"] == "waiting")
        assert first.stop() == 0
        _assert_shows_what_runs(first)
    with running(APPS / "classic", tmp_path) as second:
        assert second.keys == first.keys
        event = f"{second.webhooks}/instances/kept/raiseEvent/Approval?code={second.keys['durable']}"
        client.post(event, json="yes").raise_for_status()
        assert finished(client, _instance(second, "kept"))["output"] == {"approved": "yes"}
        client.post(f"{second.url}/api/start/chain/killed").raise_for_status()
        second.process.kill()
        second.process.wait(DEADLINE)
    with running(APPS / "classic", tmp_path) as third:
        assert finished(client, _instance(third, "killed"))["output"] == ["Hello Tokyo!", "Hello Oslo!"]


def test_what_is_in_flight_can_ask_the_host_until_it_has_ended(tmp_path: Path, client: httpx.Client) -> None:
    """As a step does that pushes to the registry of its own host."""
    answers: list[int] = []
    with running(APPS / "classic", tmp_path) as host:

        class Asks(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.process.terminate()
                until(lambda: "stopping" in host.log.read_text())
                answers.extend(httpx.get(f"{host.url}/api/text").status_code for _ in range(20))
                self.send_response(204)
                self.end_headers()

        with HTTPServer(("127.0.0.1", 0), Asks) as server, ThreadPoolExecutor() as threads:
            handled = threads.submit(server.handle_request)
            start = f"{host.url}/api/start/calls_http/asks"
            client.post(start, json=f"http://127.0.0.1:{server.server_port}").raise_for_status()
            handled.result(DEADLINE)
        assert host.process.wait(DEADLINE) == 0
    assert answers == [200] * 20


def test_a_function_that_never_ends_does_not_keep_the_host_alive(tmp_path: Path) -> None:
    with running(APPS / "classic", tmp_path) as host, ThreadPoolExecutor() as threads:
        stuck = threads.submit(_ask_in_vain, f"{host.url}/api/stuck")
        until(lambda: httpx.get(f"{host.url}/api/text").status_code == 200)

        assert host.stop() == 0

        assert stuck.result() in {"cut off", "Internal Server Error"}


def test_a_host_serves_although_nobody_reads_what_it_prints(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    words = command(APPS / "classic", tmp_path / "data", "--port", "0", "--ready-file", str(ready))
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen(words, env=environment(), stdout=write, stderr=subprocess.DEVNULL)
    os.close(write)
    until(ready.exists)
    process.terminate()
    assert process.wait(DEADLINE) == 0


def test_a_second_host_is_kept_off_the_same_data(streaming: RunningHost) -> None:
    said = refused(APPS / "streaming", streaming.data)

    assert f"another host (process {streaming.process.pid}) has it in use" in said


def _assert_shows_what_runs(host: RunningHost) -> None:
    assert host.process.stdout is not None
    shown = host.process.stdout.read()
    assert "\x1b" not in shown  # it is not a terminal
    for text in (
        f"classic on {host.url}",
        f"{host.url}/api/start/{{name}}/{{id?}}",
        "approval, calls_http, chain, fails, fan_out",
        "counter",
        "[function key]",
        str(host.data / "keys.json"),
        host.grpc,
    ):
        assert text in shown


def _ask_in_vain(url: str) -> str:
    try:
        return httpx.get(url, timeout=DEADLINE).text
    except httpx.TransportError:
        return "cut off"


def _instance(host: RunningHost, instance: str) -> str:
    return f"{host.webhooks}/instances/{instance}?code={host.keys['durable']}"


def test_the_command_line_says_what_it_takes() -> None:
    told = subprocess.run(
        [*command(APPS / "classic", Path("unused"))[:4], "--help"],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE,
    )

    assert "--ready-file" in told.stdout
