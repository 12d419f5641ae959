"""The gRPC server of a task hub, on grpc.aio."""

import grpc
from durabletask.internal import orchestrator_service_pb2_grpc as stubs

from localhost.durable.hub import TaskHub
from localhost.durable.service import Service


class Server:
    """The gRPC server of one hub, on the loopback interface, without encryption."""

    def __init__(self, hub: TaskHub) -> None:
        self._hub = hub
        self._server: grpc.aio.Server | None = None

    async def start(self, port: int) -> str:
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", self._hub.limits.message_bytes),
                ("grpc.max_send_message_length", self._hub.limits.message_bytes),
                ("grpc.so_reuseport", 0),
            ]
        )
        stubs.add_TaskHubSidecarServiceServicer_to_server(Service(self._hub), server)  # type: ignore[no-untyped-call]
        bound = server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        self._server = server
        return f"127.0.0.1:{bound}"

    async def stop(self, grace: float = 0.2) -> None:
        if self._server is not None:
            await self._server.stop(grace)
