"""Both durable HTTP APIs over one kept gRPC channel to the engine."""

from collections.abc import Awaitable, Callable, Collection

import grpc
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub

from localhost.http.entities import Entities
from localhost.http.webhooks import Handler, Instances, translating
from localhost.triggers.starter import MAX_MESSAGE_BYTES, Starters

_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
]


def open_webhooks(
    starters: Starters, orchestrators: Collection[str]
) -> tuple[list[tuple[str, str, Handler]], Callable[[], Awaitable[None]]]:
    """The webhooks' routes (method, template, handler), and what closes the channel under them."""
    channel = grpc.aio.insecure_channel(starters.grpc_address, options=_OPTIONS)
    service = TaskHubSidecarServiceStub(channel)  # type: ignore[no-untyped-call]
    routes = [*Instances(service, starters, orchestrators).routes(), *Entities(service).routes()]
    return [(method, template, translating(handler)) for method, template, handler in routes], channel.close
