"""Somebody's service that says again what it was told, in whatever encoding, and cannot keep a secret."""

import itertools
import json
import threading
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

FILLING = [f"row {place} of a large answer, which is stored in chunks" for place in range(1300)]


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Told:
    """One answer."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


type Script = Callable[[Asked, int], Told]
"""What is answered to the request, which is the ``n``-th of this path, from 0."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100  # steps come all at once


@dataclass
class Echo:
    """Answers each path as its script says; ``asked`` are all requests."""

    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    _scripts: dict[str, Script] = field(default_factory=dict)
    _numbers: Any = field(default_factory=itertools.count)

    def __enter__(self) -> Self:
        echo = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                path = self.path.partition("?")[0].rstrip("/")
                asked = Asked(path, {name.lower(): value for name, value in self.headers.items()}, body)
                told = echo.answer(asked)
                text = told.body if isinstance(told.body, str) else json.dumps(told.body)
                kind = "text/plain; charset=utf-8" if isinstance(told.body, str) else "application/json"
                self.send_response(told.status)
                for name, value in {"content-type": kind, **told.headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None: ...

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def at(self, script: Script) -> str:
        """An address that answers so."""
        path = f"/echo{next(self._numbers)}"
        self._scripts[path] = script
        return self.url + path

    def answer(self, asked: Asked) -> Told:
        path = "/" + asked.path.split("/")[1]
        before = sum("/" + one.path.split("/")[1] == path for one in self.asked)
        self.asked.append(asked)
        return self._scripts[path](asked, before)


def saying(texts: Sequence[str], *, large: bool = False) -> Any:
    """A body that has the texts in all kinds of places."""
    body: dict[str, Any] = {"echo": texts, "deep": [{"in": {text: [{"a": text}]}} for text in texts]}
    return {**body, "rows": FILLING} if large else body


def call_back(address: str, answer: Any) -> None:
    body = json.dumps(answer).encode()
    asked = urllib.request.Request(address, body, {"Content-Type": "application/json"}, method="POST")
    with urllib.request.urlopen(asked, timeout=30) as answered:
        assert answered.status == 202
