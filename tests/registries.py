"""Registries for tests: the local host's own in this process, Debian's apart, and a bad line to either."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from localhost.adapters import build
from localhost.http.hardening import hardened
from localhost.http.server import Server, bind
from localhost.identity.token import issue_token
from localhost.registry.service import open_registry
from shared.modules.containers.registry.authentication import RegistryCredentials
from shared.modules.containers.registry.patience import MIB, Pace
from shared.modules.containers.registry.registries import Registry
from shared.modules.containers.registry.sending import Connections
from shared.ports.leavings import Leavings
from shared.ports.registries import Login, RegistryPlace
from shared.security.addresses import LOOPBACK
from shared.security.egress import EgressPolicy
from shared.settings import Settings

START_SECONDS = 20
EGRESS = EgressPolicy.allowing(LOOPBACK)

needs_docker_registry = pytest.mark.skipif(
    shutil.which("docker-registry") is None, reason="Debian's docker-registry is not installed here"
)
needs_skopeo = pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed here")


@dataclass(frozen=True)
class RunningRegistry:
    """A registry that answers, and how to sign in with every right."""

    host: str
    login: Login | None = None
    settings: Settings | None = None
    """Of the local host's, for :func:`localhost.identity.token.issue_token`."""
    leavings: Leavings | None = None
    """Of the local host's: what it takes away by itself."""

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def place(self) -> RegistryPlace:
        return RegistryPlace(self.host, self.url, self.login)

    def client(self, connections: Connections, credentials: RegistryCredentials = None) -> Registry:
        """A client to which a few megabytes are much, and pauses nothing."""
        pace = Pace(at_once=MIB, chunk=MIB, pause=0)
        return Registry(connections, self.host, credentials or self.login, pace=pace)

    def token(self, *, tenant: str, user: str, role: str = "operator") -> str:
        """A member's bearer token. Not to be called on an event loop."""
        assert self.settings is not None
        return issue_token(self.settings, tenant=tenant, user=user, role=role)


@dataclass
class Meddler:
    """What stands before a registry, and answers itself what a test says.

    ``answers`` has, for requests by method and a part of their path, what is answered in place of the
    registry: each once, the first that fits.
    """

    answers: list[tuple[str, str, Response]] = field(default_factory=list[tuple[str, str, Response]])
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """The method and path of every request."""
    before: dict[tuple[str, str], Callable[[], object]] = field(default_factory=dict[Any, Any])
    """What is done, once, before a request with this method and part of its path is served."""
    authorizations: list[str] = field(default_factory=list[str])
    fails: tuple[int, int] | None = None
    """The request after so many is answered with that status, once."""

    def around(self, app: ASGIApp) -> ASGIApp:
        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive)
            self.asked.append((request.method, request.url.path))
            self.authorizations.append(request.headers.get("authorization", ""))
            if self.fails is not None:
                left, status = self.fails
                self.fails = (left - 1, status) if left else None
                if not left:
                    async for _ in request.stream():
                        pass
                    await Response(status_code=status)(scope, receive, send)
                    return
            for method, part in list(self.before):
                if method == request.method and part in request.url.path:
                    await asyncio.to_thread(self.before.pop((method, part)))
            for entry in self.answers:
                method, part, answer = entry
                if method == request.method and part in request.url.path:
                    self.answers.remove(entry)
                    async for _ in request.stream():
                        pass
                    await answer(scope, receive, send)
                    return
            await app(scope, receive, send)

        return serve


@contextmanager
def local_registry(data: Path, meddler: Meddler | None = None) -> Iterator[RunningRegistry]:
    """The local host's registry over a data folder, without the rest of the host."""
    listener = bind("127.0.0.1", 0)
    host = f"127.0.0.1:{listener.getsockname()[1]}"
    settings = Settings(
        adapters="localhost",
        host_url=f"http://{host}",
        data=data,
        failed_sign_ins=None,
        anonymous_requests=None,
    )
    adapters = build(settings)
    registry = open_registry(adapters)
    assert registry is not None
    assert adapters.local_registry is not None
    app = hardened(Router(list(registry.routes)))
    with served(meddler.around(app) if meddler else app, listener):
        yield RunningRegistry(host, adapters.local_registry.login, settings, adapters.leavings)
    asyncio.run(adapters.close())


@contextmanager
def debians_registry(folder: Path) -> Iterator[RunningRegistry]:
    """Debian's docker-registry, which keeps what it has in ``folder``."""
    process, port = _started(folder)
    try:
        yield RunningRegistry(f"127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _started(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Debian's registry, and its port: another one is tried if somebody takes it first."""
    for _ in range(5):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        config = folder / "registry.yml"
        config.write_text(
            f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder / 'files'}}}, delete: {{enabled: true}}}}\n"
            f'http: {{addr: "127.0.0.1:{port}"}}\n'
        )
        with (folder / "registry.log").open("wb") as log:
            process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=log, stderr=log)
        if _answers(process, port):
            return process, port
    raise AssertionError((folder / "registry.log").read_text())


@contextmanager
def served(app: ASGIApp, listener: socket.socket) -> Iterator[None]:
    """Serve ``app`` as the local host does, on a thread."""
    stop = threading.Event()

    async def serve() -> None:
        server = Server(app, listener, grace=1)
        await server.start()
        up.set()
        await asyncio.to_thread(stop.wait)
        await server.stop()

    up = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert up.wait(START_SECONDS)
    try:
        yield
    finally:
        stop.set()
        thread.join()


@dataclass
class Line:
    """A connection to a server that may break: each of ``cuts`` breaks one, after so many bytes one way.

    A positive number counts what is sent to the server, a negative one what comes from it.
    """

    target: int
    cuts: list[int] = field(default_factory=list[int])
    broken: int = 0
    refuses: bool = False
    refusals: int = 0
    """How many connections are refused once one was broken."""
    port: int = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses or (self.broken and self.refusals):
            self.refusals = max(0, self.refusals - 1)
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        counts = {1: 0, -1: 0}

        async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: int) -> None:
            while piece := await source.read(16_384):
                counts[way] += len(piece)
                if self.cuts and self.cuts[0] * way > 0 and counts[way] >= abs(self.cuts[0]):
                    del self.cuts[0]
                    self.broken += 1
                    break
                sink.write(piece)
                await sink.drain()
            writer.transport.abort()
            back.transport.abort()

        try:
            with contextlib.suppress(ConnectionError):
                await asyncio.gather(carry(reader, back, 1), carry(there, writer, -1))
        finally:  # also when the line is taken down
            writer.transport.abort()
            back.transport.abort()


@contextmanager
def line_to(host: str) -> Iterator[Line]:
    """A line to the server at ``host``, at a port of its own."""
    line = Line(int(host.rpartition(":")[2]))
    stop, up = threading.Event(), threading.Event()

    async def serve() -> None:
        server = await asyncio.start_server(line.connected, "127.0.0.1", 0)
        line.port = server.sockets[0].getsockname()[1]
        up.set()
        await asyncio.to_thread(stop.wait)
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert up.wait(START_SECONDS)
    yield line
    stop.set()
    thread.join()


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Whether the process comes to listen there; False: it has ended."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return process.poll() is None
    return False


def noise(size: int) -> bytes:
    """Bytes that no other blob has."""
    return os.urandom(size)


type Opening = Callable[[Path], contextlib.AbstractContextManager[RunningRegistry]]
OPENINGS: dict[str, Opening] = {"local": local_registry, "debian": debians_registry}
EVERY_REGISTRY = ["local", pytest.param("debian", marks=needs_docker_registry)]
