"""The HTTP server: uvicorn with its signals and its socket in our hands."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from localhost.app.problems import Problem, StartupError
from localhost.http.protocol import BoundedProtocol

_BACKLOG = 2048


def bind(host: str, port: int) -> socket.socket:
    """Take the address before anything else starts; port 0 takes a free one.

    Raises:
        StartupError: it is in use, or not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, because asyncio turns Nagle off, 40 ms a response, only where it is told that this is TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        mend = "Stop what listens there, or choose another port (--port 0 takes a free one)."
        if error.errno != errno.EADDRINUSE:
            mend = "--host takes an address of this machine, and ports below 1024 may need permission."
        problem = Problem(f"{host}:{port}", str(error.strerror or error), mend)
        raise StartupError("The host cannot listen.", [problem]) from error
    listener.listen(_BACKLOG)  # connections wait from here on, instead of being refused, until the app is up
    listener.setblocking(False)  # noqa: FBT003 - positional only
    return listener


class Server:
    """Serves one ASGI app on one listening socket, until told to stop."""

    def __init__(self, app: ASGIApp, listener: socket.socket, *, grace: float) -> None:
        """``grace``: seconds that requests in flight get to finish once the server stops."""
        config = uvicorn.Config(
            app,
            loop="none",
            http=BoundedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=max(1, round(grace)),
        )
        self._server = _Uvicorn(config)
        self._listener = listener
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start accepting requests; returns once it does."""
        self._serving = asyncio.create_task(self._server.serve([self._listener]), name="http-server")
        started = asyncio.create_task(self._server.up.wait())
        await asyncio.wait({started, self._serving}, return_when=asyncio.FIRST_COMPLETED)
        if self._serving.done():
            started.cancel()
            self._serving.result()

    async def stop(self) -> None:
        """Stop accepting, and return when the requests in flight are done or their grace is over."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The host has its own order of shutdown, and takes the signals itself."""
        yield
