"""Nothing that the platform serves is out of the client's reach."""

import importlib
import inspect
import pkgutil
from collections.abc import AsyncIterable
from functools import cached_property
from typing import Any

import httpx

from functions import routes as nouns
from functions.routes.route import Route
from quantum.client import Client, QuantumError
from quantum.client.pages import Listing
from quantum.client.resources.resource import Resource

APART = {
    "call_back": "what a step waits for calls it, not the platform's users",
    "console_config": "for the web console",
    "console_file": "as above",
    "console_page": "as above",
    "docs": "a page for people",
    "openapi": "the contract itself",
    "intent_schema": "for editors",
    "unknown_route": "none of them",
}
GIVEN = {
    "execution": "e-1",
    "roles": [],
    "events": [],
    "administrator": {},
    "intent": {},
    "settings": {},
    "ceiling": {},
    "manifest": {},
    "archive": b"",
}


def routes() -> dict[str, Route]:
    names = [module.name for module in pkgutil.iter_modules(nouns.__path__, "functions.routes.")]
    tables = [vars(importlib.import_module(name)).values() for name in names]
    return {one.name: one for table in tables for one in table if isinstance(one, Route)}


async def use(method: Any) -> None:
    """Call it with something for all that it needs, and have it send what it sends."""
    parameters = inspect.signature(method).parameters.values()
    needed = [p for p in parameters if p.default is p.empty and p.kind != p.VAR_KEYWORD]
    positional = [GIVEN.get(p.name, "x") for p in needed if p.kind == p.POSITIONAL_OR_KEYWORD]
    named = {p.name: GIVEN.get(p.name, "x") for p in needed if p.kind == p.KEYWORD_ONLY}
    named |= {p.name: '"tag"' for p in parameters if p.name == "if_match"}
    try:
        made = method(*positional, **named)
        if isinstance(made, Listing | AsyncIterable):
            async for _ in made:
                pass
        else:
            await made
    except QuantumError:
        pass


async def test_every_route_has_a_method() -> None:
    asked: list[tuple[str, str]] = []

    def serve(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.path))
        return httpx.Response(404)

    http = httpx.AsyncClient(transport=httpx.MockTransport(serve))
    async with Client("https://quantum.example.com", http=http) as client:
        for method in (client.alive, client.health, client.stats):
            await use(method)
        nouns = [name for name, kind in vars(Client).items() if isinstance(kind, cached_property)]
        for resource in map(client.__getattribute__, nouns):
            assert isinstance(resource, Resource)
            for name, method in inspect.getmembers(resource, inspect.ismethod):
                if not name.startswith("_"):
                    await use(method)
        await use(lambda: client.executions.outputs("e-1", "build"))
    known = routes()
    reached = {
        name
        for name, route in known.items()
        for method, path in asked
        if method == route.method and route.pattern.fullmatch(path)
    }
    assert sorted(known.keys() - reached - APART.keys()) == []
    assert APART.keys() <= known.keys()
