"""The identity endpoint that Azure Functions has on each machine, for tests of access without keys."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

HEADER = "the header that proves the caller is on the machine"


class IdentityEndpoint(BaseHTTPRequestHandler):
    """The identity endpoint of Azure Functions ("How to use managed identities for App Service")."""

    token = ""
    asked: list[str] = []  # noqa: RUF012 - one list for all requests is what is meant

    def do_GET(self) -> None:
        self.asked.append(self.path)
        known = self.headers["X-IDENTITY-HEADER"] == HEADER
        body = {
            "access_token": self.token,
            "expires_on": "4102444800",
            "resource": "",
            "token_type": "Bearer",
        }
        self.send_response(200 if known else 403)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[IdentityEndpoint]]:
    endpoint = ThreadingHTTPServer(("127.0.0.1", 0), IdentityEndpoint)
    thread = Thread(target=endpoint.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{endpoint.server_port}/token")
    monkeypatch.setenv("IDENTITY_HEADER", HEADER)
    IdentityEndpoint.asked.clear()
    yield IdentityEndpoint
    endpoint.shutdown()
    endpoint.server_close()
    thread.join()
