"""A service that takes long: it accepts a job, and says later what came of it, on loopback."""

import json
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class Jobs:
    """Accepts each POST with 202 and where to ask. ``calls`` is called with the address to call back.

    Asked once where a job is, it answers 202 again, and then what has become of it.
    """

    calls: Callable[[str], object] | None = None
    accepted: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    asked: int = 0
    url: str = ""

    def __enter__(self) -> Self:
        jobs = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                jobs.accepted.append((headers, body))
                if jobs.calls is not None:  # before it is answered, so that nothing may rest on the order
                    jobs.calls(headers["x-quantum-callback"])
                self._send(202, {"state": "accepted"})

            def do_GET(self) -> None:
                jobs.asked += 1
                done = jobs.asked > 1
                self._send(200 if done else 202, {"state": "done" if done else "running"})

            def _send(self, status: int, body: Any) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("location", "/jobs/7")
                self.send_header("retry-after", "1")
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def call_back(address: str, answer: dict[str, Any]) -> int:
    """The status that the address answers."""
    sent = urllib.request.Request(address, json.dumps(answer).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(sent, timeout=30) as response:
        status: int = response.status
        return status
