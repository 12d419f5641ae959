import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, override

import pytest

from shared.domain.places import Place
from shared.ports.actions import ActionContext
from shared.security.scope import TenantScope
from tests.fakes.callbacks import StandingCallbacks
from tests.fakes.children import StandingChildren
from tests.fakes.clock import FrozenClock


@dataclass
class Seen:
    """What the service was asked last."""

    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


ANSWERS: dict[str, tuple[int, bytes, dict[str, str]]] = {
    "/json": (200, b'{"ok": true}', {"content-type": "application/json", "set-cookie": "a=b"}),
    "/text": (200, "größe".encode("latin-1"), {"content-type": "text/plain; charset=latin-1"}),
    "/broken-json": (200, b"{", {"content-type": "application/json"}),
    "/odd-charset": (200, b"x", {"content-type": "text/plain; charset=none-such"}),
    "/large": (200, b"x" * 1_100_000, {}),
}


class Handler(BaseHTTPRequestHandler):
    """A small service: what it answers is said by the path; other paths hang up."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Server"

    def _answer(self) -> None:
        seen = self.server.seen
        seen.headers = {name.lower(): value for name, value in self.headers.items()}
        seen.body = self.rfile.read(int(self.headers.get("content-length", 0)))
        path = self.path.partition("?")[0]
        if path in ANSWERS:
            self._send(*ANSWERS[path])
        elif path.startswith("/status/"):
            self._send(int(path.removeprefix("/status/")), b"", {"retry-after": "7"})
        elif path.startswith("/echo"):
            self._echo(path.removeprefix("/echo"))
        elif path.startswith("/redirect/"):
            self._send(302, b"", {"location": path.removeprefix("/redirect/")})
        else:
            self.close_connection = True

    def _echo(self, form: str) -> None:
        """Answer with how the request was authorized, as some services do."""
        seen = self.server.seen.headers.get("authorization", "")
        body, kind = {
            "": (f'{{"{seen}": ["{seen}"]}}'.encode(), "application/json"),
            "/escaped": (f'["{seen.replace("e", "\\u0065")}"]'.encode(), "application/json"),
            "/utf-16": (seen.encode("utf-16"), "text/plain; charset=utf-16"),
        }[form]
        self._send(200, body, {"content-type": kind, "x-asked-with": seen})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_HEAD = _answer  # noqa: N815  the names that http.server calls

    @override
    def log_message(self, format: str, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100
    seen: Seen

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is what some tests are about."""


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    service = Server(("127.0.0.1", 0), Handler)
    service.seen = Seen()
    thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield service
    service.shutdown()
    thread.join()
    service.server_close()


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def context(clock: FrozenClock) -> ActionContext:
    return ActionContext(
        TenantScope("acme"),
        Place("01J", "call", 1),
        "01J/call",
        clock,
        StandingChildren(),
        StandingCallbacks(),
    )
