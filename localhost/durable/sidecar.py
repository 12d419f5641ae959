"""A task hub with its gRPC face: what a Functions host runs beside an app."""

from typing import override

from localhost.durable.hub import TaskHub
from localhost.durable.server import Server


class Sidecar(TaskHub):
    """A :class:`TaskHub` that is served over gRPC as well."""

    _server: Server | None = None

    async def serve(self, port: int = 0) -> str:
        """Serve on the loopback interface, on a free port if ``port`` is 0; ``127.0.0.1:PORT``."""
        self._server = Server(self)
        return await self._server.start(port)

    @override
    async def start(self) -> None:
        try:
            await super().start()
        except BaseException:  # whoever could not start the hub does not drain it
            await self._stop_serving()
            raise

    @override
    async def _close_doors(self) -> None:
        await super()._close_doors()
        await self._stop_serving()

    async def _stop_serving(self) -> None:
        if self._server is not None:
            await self._server.stop()
