"""The address of a workload: connections to it go to its copies in turn, to those that are ready."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Sequence
from typing import Final

PIECE: Final = 64 * 1024


class Balancer:
    """Listens on loopback; ``endpoints`` tells at each connection which ports are ready to take it."""

    def __init__(self, endpoints: Callable[[], Sequence[int]]) -> None:
        self._endpoints = endpoints
        self._turns = itertools.count()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, port: int) -> int:
        """Listen on ``port``, or if it is 0 or taken on a free one; which it is."""
        try:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", port)
        except OSError:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in list(self._writers):
                writer.close()
            await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if (copy := await self._open()) is not None:
                with contextlib.closing(copy[1]):
                    await asyncio.gather(_pump(reader, copy[1]), _pump(copy[0], writer))
        finally:
            writer.close()
            self._writers.discard(writer)

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection to the copy whose turn it is, or to the next that takes it."""
        endpoints = self._endpoints()
        first = next(self._turns)
        for offset in range(len(endpoints)):
            port = endpoints[(first + offset) % len(endpoints)]
            with contextlib.suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", port)
        return None


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes until it ends, and then say so."""
    with contextlib.suppress(OSError):
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
