"""One running host: a loaded app, its HTTP surface, its timers and feeds, and the durable engine under it."""

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from starlette.routing import BaseRoute, request_response
from starlette.routing import Router as StarletteRouter
from starlette.types import ASGIApp

from localhost.app.functions import Function, LoadedApp
from localhost.app.problems import Problem, StartupError
from localhost.app.rules import full_template, methods, switch_off, time_zone
from localhost.http.admin import Admin, ManualRun, administrators_only
from localhost.http.endpoints import Streams, classic_endpoint, streaming_endpoint
from localhost.http.hardening import hardened
from localhost.http.keys import Keys, guarded, load_keys
from localhost.http.router import Route, Router
from localhost.http.templates import parse
from localhost.triggers.calls import Call, close_pool, make_call, make_pool
from localhost.triggers.clock import Clock, SystemClock
from localhost.triggers.consumers import Feed, Feeds
from localhost.triggers.feeds import Sources, source_key
from localhost.triggers.starter import WEBHOOKS, Starters
from localhost.triggers.state import StateFile
from localhost.triggers.timers import Timer, Timers
from localhost.triggers.warmup import WarmUp

THREAD_GRACE = 1.0
"""Seconds that sync functions get to end after everything else has."""

if TYPE_CHECKING:  # protobuf and the Durable SDK, which apps without durable functions spare
    from localhost.durable.sidecar import Sidecar
    from localhost.triggers.durable import AppWorkers


class Hub(Protocol):
    """What the host needs of the durable engine (``localhost.durable.sidecar.Sidecar``)."""

    async def start(self) -> None: ...

    async def serve(self, port: int = 0) -> str: ...

    async def settle(self, timeout: float) -> None: ...  # noqa: ASYNC109 - the engine's own word

    async def drain(self, timeout: float) -> None: ...  # noqa: ASYNC109 - likewise


type HubFactory = Callable[[Path, "AppWorkers", str], Hub]
type Closer = Callable[[], Awaitable[None]]


class Host:
    """Composes and runs everything behind the HTTP server; :attr:`asgi` is what the server serves.

    Start: engine, routes, then timers and feeds. Stop is the reverse of what depends on what: streams end,
    timers and feeds stop, the engine settles, the server stops, and only then are engine and stores closed.
    """

    def __init__(
        self,
        app: LoadedApp,
        data: Path,
        base_url: str,
        *,
        sources: Sources | None = None,
        extra_routes: Sequence[BaseRoute] = (),
        closers: Sequence[Closer] = (),
        clock: Clock | None = None,
    ) -> None:
        """``sources`` feed the change-feed and Event Hub triggers; ``closers`` close stores at the end."""
        self.app = app
        self.data = data
        self.base_url = base_url
        self.keys: Keys = load_keys(data / "keys.json")
        self.grpc_address = ""
        self._sources = sources or {}
        self._extra_routes = extra_routes
        self._closers = closers
        self._clock = clock or SystemClock()
        self._pool: ThreadPoolExecutor = make_pool(os.environ)
        self._streams = Streams()
        self._hub: Hub | None = None
        self._starters: Starters | None = None
        self._service: Closer | None = None
        self._timers = Timers(())
        self._feeds = Feeds(())
        self._warm_ups: list[WarmUp] = []
        self._asgi: ASGIApp | None = None
        self._refuse_missing_sources()

    @property
    def asgi(self) -> ASGIApp:
        """The ASGI app; there is one once the host has started."""
        assert self._asgi is not None
        return self._asgi

    async def start(self, hub_factory: HubFactory) -> None:
        """Start the engine (only if the app has durable functions) and build the routes."""
        routes: list[Route] = []
        if self.app.is_durable:
            await self._start_hub(hub_factory)
            routes.extend(await self._webhooks())
        calls = {f.name: make_call(f, self._starters, self._pool) for f in self.app.functions}
        runs = self._triggers(calls)
        routes.extend(self._function_route(f, calls[f.name]) for f in self.app.by_trigger("httpTrigger"))
        routes.extend(self._admin_routes(Admin(self.app, self.base_url, runs)))
        self._asgi = Router(routes, hardened(StarletteRouter(list(self._extra_routes))))

    def start_triggers(self) -> None:
        """Start warm-up, timers and feeds: last, when what they call can call back over HTTP."""
        for warm_up in self._warm_ups:
            warm_up.start()
        self._timers.start()
        self._feeds.start()

    def end_streams(self) -> None:
        """End the streaming responses, so that a server that stops does not wait for them."""
        self._streams.close()

    async def settle(self, grace: float) -> None:
        """Stop triggers, and let what the engine runs finish within ``grace`` seconds.

        The server has to answer meanwhile: a step that pushes to the registry of this host asks it.
        """
        for warm_up in self._warm_ups:
            await warm_up.stop()
        await self._timers.stop()
        await self._feeds.stop()
        if self._hub is not None:
            await self._hub.settle(grace)

    async def stop(self, *, grace: float = 0) -> bool:
        """Settle within ``grace`` seconds, record what has finished, and close the engine and the stores.

        Returns whether every function has ended; a sync one that has not still has its thread.
        """
        await self.settle(grace)
        if self._service is not None:
            await self._service()
        if self._hub is not None:
            await self._hub.drain(0)
        ended = await close_pool(self._pool, THREAD_GRACE)
        for close in self._closers:
            await close()
        return ended

    async def _start_hub(self, hub_factory: HubFactory) -> None:
        from localhost.triggers.durable import (
            AppWorkers,
        )  # imports the Durable SDK: 0.3 s that other apps spare

        workers = AppWorkers(self.app.functions, self._pool)
        name = self.app.settings.hub_name
        self._hub = hub_factory(self.data / f"{name}.db", workers, name)
        self.grpc_address = await self._hub.serve()
        self._starters = Starters(self.base_url, self.grpc_address, name, self.keys.durable)
        workers.connect(self._starters)
        await self._hub.start()

    async def _webhooks(self) -> list[Route]:
        from localhost.http.management import open_webhooks  # imports gRPC, as above

        assert self._starters is not None
        names = [f.durable_name for f in self.app.functions if f.durable_kind == "orchestration"]
        endpoints, self._service = open_webhooks(self._starters, names)
        accepted = (self.keys.durable, self.keys.master)
        return [
            Route(
                f"{WEBHOOKS}/{template}",
                frozenset({method}),
                hardened(guarded(request_response(handler), accepted)),
            )
            for method, template, handler in endpoints
        ]

    def _function_route(self, function: Function, call: Call) -> Route:
        if self.app.streams_http:
            endpoint = streaming_endpoint(function, call, self._streams)
        else:
            endpoint = classic_endpoint(function, call)
        level = str(function.trigger.properties.get("authLevel") or "function").lower()
        if level != "anonymous":
            endpoint = guarded(endpoint, self.keys.accepted(level))
        template = full_template(function, self.app.settings.route_prefix)
        return Route(template, methods(function), endpoint)

    def _triggers(self, calls: Mapping[str, Call]) -> dict[str, ManualRun]:
        """Set up timers and feeds; how to run each of them by hand comes back."""
        runs: dict[str, ManualRun] = {}
        self._warm_ups = [WarmUp(f, calls[f.name]) for f in self.app.by_trigger("warmupTrigger")]
        state = StateFile(self.data / "timers.json")
        zone = time_zone(os.environ)
        timers = []
        for function in self.app.by_trigger("timerTrigger"):
            timer = Timer(function, calls[function.name], zone, state, self._clock)
            timers.append(timer)
            runs[function.name] = timer.run_by_hand
        self._timers = Timers(timers)
        cursors = StateFile(self.data / "feeds.json")
        feeds = []
        for function in self.app.functions:
            key = source_key(function)
            if key is None:
                continue
            limit = self.app.settings.event_batch_size
            feed = Feed(function, calls[function.name], self._sources[key], cursors, self._clock, limit)
            feeds.append(feed)
            runs[function.name] = feed.run_by_hand
        self._feeds = Feeds(feeds)
        return runs

    def _admin_routes(self, admin: Admin) -> list[Route]:
        served = [
            ("GET", "admin/host/status", admin.status),
            ("GET", "admin/functions", admin.functions),
            ("GET", "admin/functions/{name}", admin.function),
            ("POST", "admin/functions/{name}", admin.run),
        ]
        routes = [
            Route(
                template,
                frozenset({method}),
                hardened(administrators_only(request_response(handler), self.keys)),
            )
            for method, template, handler in served
        ]
        if not any(self._serves_root(function) for function in self.app.by_trigger("httpTrigger")):
            routes.append(Route("", frozenset({"GET"}), hardened(request_response(admin.page))))
        return routes

    def _serves_root(self, function: Function) -> bool:
        segments = parse(full_template(function, self.app.settings.route_prefix))
        return not segments or segments[0].optional or segments[0].catch_all

    def _refuse_missing_sources(self) -> None:
        problems = []
        for function in self.app.functions:
            key = source_key(function)
            if key is not None and key not in self._sources:
                what = "container" if function.trigger.type == "cosmosDBTrigger" else "event hub"
                reason = f"there is no {what} named {key[1]!r} on this machine to feed it"
                problems.append(Problem(function.name, reason, switch_off(function)))
        if problems:
            raise StartupError(f"The app in {self.app.path} cannot run: {len(problems)} to mend.", problems)


def task_hub(path: Path, workers: "AppWorkers", name: str) -> "Sidecar":
    """The engine on the app's own event loop, with live orchestrators: fastest, for an app that is known."""
    from localhost.durable.sidecar import Sidecar  # only apps with durable functions need it

    workers.keep_alive()
    return Sidecar(path, workers=workers, name=name)


def task_hub_apart(path: Path, workers: "AppWorkers", name: str) -> Hub:
    """The engine on a loop of its own, a replay in each turn as in Azure: for apps that are not known."""
    from localhost.apart import HubApart  # as above

    return HubApart(path, workers, name)
