"""A service on HTTP whose effects can be counted: of one idempotency key, it does a thing once."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, override


class Handler(BaseHTTPRequestHandler):
    """``/jobs/…`` take a while, ``/echo/…`` tells what it was asked, all else is taken at once."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Service"

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        if len(content := self.rfile.read(length)) < length:
            self.close_connection = True  # it was broken off
            return
        body = content.decode()
        if self.path.startswith("/echo"):
            self._answer(200, {"path": self.path, "headers": dict(self.headers.items()), "body": body})
            return
        key = self.headers["idempotency-key"]
        with self.server.lock:
            self.server.effects.setdefault(self.path, {}).setdefault(key, body)
        if self.path.startswith("/jobs"):
            self._answer(202, None, location=f"{self.path}/standing")
        else:
            self._answer(201, {"order": self.path})

    def do_GET(self) -> None:
        if self.path.endswith("/standing"):
            with self.server.lock:
                self.server.looks[self.path] = looks = self.server.looks.get(self.path, 0) + 1
            self._answer(202 if looks < 2 else 200, {"done": looks >= 2})
        else:
            self._answer(200, {"path": self.path, "headers": dict(self.headers.items())})

    def _answer(self, status: int, content: Any, **headers: str) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response_only(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        pass


class Service(ThreadingHTTPServer):
    """``effects`` are the bodies that it took, by path and idempotency key."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.effects: dict[str, dict[str, str]] = {}
        self.looks: dict[str, int] = {}

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Those who are broken off go away in the middle."""


@contextmanager
def running_service() -> Iterator[Service]:
    service = Service()
    thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield service
    service.shutdown()
    thread.join()
    service.server_close()
