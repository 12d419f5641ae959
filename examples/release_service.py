"""A small release service for the demo to act on: it builds, tests and deploys versions of an application.

Run by itself it prints its address and serves until it is stopped::

    python -m examples.release_service

It keeps what it did in memory, honours ``Idempotency-Key`` (a repeated POST answers as the first one did),
and the first smoke test of a build fails with 503, as first tries do in life: the intent's retry policy
copes.
"""

import hashlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, override


class ReleaseService:
    """Builds, test runs and deployments, by the requests that made them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._builds: dict[str, dict[str, Any]] = {}
        self._deployments: dict[str, dict[str, Any]] = {}
        self._tested: set[str] = set()

    def answer(self, method: str, path: str, body: dict[str, Any], key: str) -> tuple[int, dict[str, Any]]:
        """The status and JSON body that answer one request."""
        with self._lock:
            match method, path.strip("/").split("/"):
                case "GET", ["health"]:
                    return 200, {"status": "ok"}
                case "POST", ["builds"]:
                    return self._build(body, key)
                case "POST", ["builds", build, "tests", kind] if build in self._builds:
                    return self._test(build, kind)
                case "PUT", ["deployments", environment]:
                    self._deployments[environment] = {"environment": environment, "image": body.get("image")}
                    return 200, self._deployments[environment]
                case "GET", ["deployments", environment] if environment in self._deployments:
                    return 200, self._deployments[environment]
                case _:
                    return 404, {"error": f"there is nothing at {path}"}

    def _build(self, body: dict[str, Any], key: str) -> tuple[int, dict[str, Any]]:
        application, version = body.get("application"), body.get("version")
        if not application or not version:
            return 400, {"error": "a build needs an application and a version"}
        build_id = hashlib.sha256(f"{application}/{version}/{key}".encode()).hexdigest()[:12]
        build = {"id": build_id, "image": f"registry.local/{application}:{version}"}
        self._builds[build_id] = build
        return 201, build

    def _test(self, build: str, kind: str) -> tuple[int, dict[str, Any]]:
        if kind == "smoke" and build not in self._tested:
            self._tested.add(build)
            return 503, {"error": "the test environment is still starting"}
        return 200, {"build": build, "kind": kind, "passed": 24, "failed": 0}


def server(port: int = 0) -> ThreadingHTTPServer:
    """The service on a loopback port, ready for ``serve_forever``; port 0 is any free one."""
    service = ReleaseService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body leave in two writes: without this the second waits for the first's acknowledgement.
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                body = json.loads(text) if text else {}
            except json.JSONDecodeError as error:
                return self._reply(400, {"error": f"the body is not JSON: {error}"})
            key = self.headers.get("Idempotency-Key", "")
            return self._reply(*service.answer(self.command, self.path, body, key))

        def _reply(self, status: int, answer: dict[str, Any]) -> None:
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815  the names that the base class looks up

        @override
        def log_message(self, format: str, *args: object) -> None:
            """The demo prints what happens; the access log would only stand between."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


if __name__ == "__main__":
    running = server(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print(f"http://127.0.0.1:{running.server_port}", flush=True)
    running.serve_forever()
