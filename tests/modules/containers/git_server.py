"""A server of git repositories over https: git's own CGI, behind Python's server."""

import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, override
from urllib.parse import urlsplit

from tests.tls import self_signed, server_context

NAME = "git.test"
"""A name that no resolver knows."""


@dataclass
class GitServer:
    folder: Path
    """Its bare repositories are in there."""
    authorities: Path
    port: int = 0
    asked: list[str] = field(default_factory=list[str])

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.port}"

    def repository(self, name: str, files: Path, *commands: str) -> str:
        """A repository with one commit of ``files`` and what git ``commands`` stage beside; its id."""
        bare = self.folder / name
        _git(files, "init", "--quiet", "--initial-branch=main")
        _git(files, "add", "--all")
        for command in commands:
            _git(files, *command.split(" "))
        _git(files, "commit", "--quiet", "--message=all of it")
        _git(files, "tag", "v1")
        _git(files, "clone", "--quiet", "--bare", ".", str(bare))
        return _git(files, "rev-parse", "HEAD").strip()


def _git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=ada", "-c", "user.email=ada@example.com"]
    ran = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return ran.stdout


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def _serve(self) -> None:
        url = urlsplit(self.path)
        self.server.known.asked.append(self.path)
        if url.path.startswith("/sent-on/"):
            self.send_response(302)
            self.send_header("location", self.path.replace("/sent-on", "", 1))
            self.send_header("content-length", "0")
            self.end_headers()
            return
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server.known.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": url.path,
            "QUERY_STRING": url.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("content-type", ""),
            "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
        }
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        command = ["git", "http-backend"]
        ran = subprocess.run(command, input=body, env=environment, capture_output=True, check=True)
        head, _, content = ran.stdout.partition(b"\r\n\r\n")
        told = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        self.send_response(int(told.pop("Status", "200").partition(" ")[0]))
        for name, value in {**told, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _serve  # noqa: N815  the names that http.server calls

    @override
    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    known: GitServer

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is what some tests are about."""

    @override
    def get_request(self) -> tuple[ssl.SSLSocket, Any]:
        plain, address = super().get_request()
        secured = self.known_context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        return secured, address

    known_context: ssl.SSLContext


@contextmanager
def git_server(folder: Path) -> Iterator[GitServer]:
    file = self_signed(folder, NAME)
    repositories = folder / "repositories"
    repositories.mkdir()
    server = _Server(("127.0.0.1", 0), _Handler)
    server.known = GitServer(repositories, file, server.server_address[1])
    server.known_context = server_context(file)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.known
    server.shutdown()
    thread.join()
    server.server_close()
