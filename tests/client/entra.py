"""Entra ID as MSAL knows it, on this machine: under its own names, by a proxy as companies have one.

The shapes are those of Microsoft's documentation of the v2.0 endpoints (OpenID Connect metadata, device code,
authorization code with PKCE, refresh token, client credentials); ``client_info`` is an account, to MSAL.
"""

import base64
import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt

from tests.tls import self_signed, server_context

TENANT = "3f2a8d1e-0000-4000-8000-00000000c0de"
SECRET = "a-secret-of-a-registration"  # of nobody
PENDING = {"error": "authorization_pending", "error_description": "AADSTS70016: not yet"}


class Entra:
    """Signs in ada; ``asked`` is each form that came, with its path."""

    def __init__(self, folder: Path, host: str) -> None:
        self.host = host
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.pending = 1
        self.challenges: dict[str, str] = {}
        self.certificate = self_signed(folder, host)
        entra = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                entra.answer(self, self.path, {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                entra.answer(self, self.path, dict(parse_qsl(body)))

            def log_message(self, *_: object) -> None:
                """Nobody wants to know."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = server_context(self.certificate).wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._proxy = Proxy(self._server.server_address[1])
        self.proxy = f"http://127.0.0.1:{self._proxy.server_address[1]}"
        self._threads = [threading.Thread(target=one.serve_forever) for one in (self._server, self._proxy)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        for server, thread in zip((self._server, self._proxy), self._threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()

    def answer(self, request: BaseHTTPRequestHandler, target: str, form: Mapping[str, str]) -> None:
        status, body = self.says(urlsplit(target).path, dict(form))
        text = json.dumps(body).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def says(self, path: str, form: dict[str, str]) -> tuple[int, Any]:
        self.asked.append((path, form))
        tenant, _, rest = path.strip("/").partition("/")
        there = f"https://{self.host}/{tenant}/oauth2/v2.0"
        match rest:
            case "v2.0/.well-known/openid-configuration":
                of = "{tenantid}" if tenant == "organizations" else TENANT
                return 200, {
                    "issuer": f"https://{self.host}/{of}/v2.0",
                    "authorization_endpoint": f"{there}/authorize",
                    "token_endpoint": f"{there}/token",
                    "device_authorization_endpoint": f"{there}/devicecode",
                }
            case "discovery/instance":
                known = {"preferred_network": self.host, "preferred_cache": self.host, "aliases": [self.host]}
                return 200, {"tenant_discovery_endpoint": "", "metadata": [known]}
            case "oauth2/v2.0/devicecode":
                told: dict[str, Any] = {"device_code": "D", "user_code": "AB12-CD34", "interval": 0}
                told |= {"verification_uri": "https://microsoft.com/devicelogin", "message": "go"}
                return 200, told | {"expires_in": 900}
            case "oauth2/v2.0/token":
                return self.gives(form)
            case _:
                return 404, {"error": "not_found", "error_description": path}

    def gives(self, form: dict[str, str]) -> tuple[int, Any]:
        """A token, for whatever may have one."""
        match form["grant_type"]:
            case "urn:ietf:params:oauth:grant-type:device_code" | "device_code" if self.pending:
                self.pending -= 1
                return 400, PENDING
            case "client_credentials" if form.get("client_secret") != SECRET:
                return 401, {"error": "invalid_client", "error_description": "AADSTS7000215: wrong secret"}
            case "client_credentials":
                return 200, {"token_type": "Bearer", "expires_in": 3599, "access_token": self.token()}
            case "authorization_code":
                digest = hashlib.sha256(form["code_verifier"].encode()).digest()
                assert self.challenges[form["code"]] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
        claims: dict[str, Any] = {
            "aud": form["client_id"],
            "iss": f"https://{self.host}/{TENANT}/v2.0",
            "sub": "s",
            "oid": "ada",
        }
        claims |= {"preferred_username": "ada@contoso.example", "tid": TENANT, "exp": 4_000_000_000, "iat": 1}
        info = base64.urlsafe_b64encode(json.dumps({"uid": "ada", "utid": TENANT}).encode()).decode()
        return 200, {
            "token_type": "Bearer",
            "scope": "api://quantum/.default",
            "expires_in": 3599,
            "access_token": self.token(),
            "refresh_token": "R",
            "id_token": jwt.encode(claims | self.nonce(form), "k" * 32),
            "client_info": info.rstrip("="),
        }

    def nonce(self, form: Mapping[str, str]) -> dict[str, str]:
        return {"nonce": nonce} if (nonce := self.challenges.get(f"nonce of {form.get('code')}")) else {}

    def token(self) -> str:
        return f"token-{len(self.asked)}"

    def forms(self, end: str) -> list[dict[str, str]]:
        """What was sent to paths with that end."""
        return [form for path, form in self.asked if path.endswith(end)]


class Proxy(ThreadingTCPServer):
    """Leads whoever wants to go anywhere to one port of this machine."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                while self.rfile.readline() not in {b"\r\n", b""}:
                    pass
                with socket.create_connection(("127.0.0.1", port)) as there:
                    self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    back = threading.Thread(target=pump, args=(there, self.connection))
                    back.start()
                    pump(self.connection, there)
                    back.join()

        super().__init__(("127.0.0.1", 0), Handler)


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Carry bytes until one side ends."""
    try:
        while found := source.recv(65536):
            sink.sendall(found)
        sink.shutdown(socket.SHUT_WR)
    except (OSError, ssl.SSLError):
        pass
