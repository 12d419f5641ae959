"""HTTP triggers made of the route table: the one place that knows how the programming model wants them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, Response

from functions.gateway.edge import Handler, handle
from functions.routes.route import Route
from shared.bootstrap import Application

type Trigger = Callable[..., Awaitable[Any]]


def blueprint(platform: Application, handlers: Mapping[Route, Handler]) -> df.Blueprint:
    """One HTTP function per route, each handing its requests to the edge with the route's handler."""
    made = df.Blueprint()
    for route, handler in handlers.items():
        serve = _durable(platform, route, handler) if route.durable else _plain(platform, route, handler)
        add(made, serve, name=route.name, path=route.template, methods=[route.method], durable=route.durable)
    return made


def add(
    made: df.Blueprint, serve: Trigger, *, name: str, path: str, methods: list[str], durable: bool = False
) -> None:
    """Register ``serve`` as the function ``name``, called with ``request`` (and ``starter`` if durable)."""
    # Said for each function: registering a blueprint puts the app's own level in place of the blueprint's.
    anonymous = func.AuthLevel.ANONYMOUS
    template = path.removeprefix("/")
    builder = made.route(route=template, methods=methods, trigger_arg_name="request", auth_level=anonymous)(
        serve
    )
    if durable:
        # The client binding proper would open a channel per invocation. `durableRequiresGrpc` is what the
        # SDK's own binding (decorators/metadata.py, DurableClient) tells the host.
        bind = made.generic_input_binding(arg_name="starter", type="durableClient", durableRequiresGrpc=True)
        builder = bind(builder)
    made.function_name(name)(builder)


def _plain(platform: Application, route: Route, handler: Handler) -> Trigger:
    async def trigger(request: Request) -> Response:
        return await handle(platform, request, route, handler)

    return trigger


def _durable(platform: Application, route: Route, handler: Handler) -> Trigger:
    async def trigger(request: Request, starter: str) -> Response:
        platform.adapters.orchestrations.use(starter)
        return await handle(platform, request, route, handler)

    return trigger
