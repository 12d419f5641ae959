"""The local host's own routes, asked by nobody in particular: ``python -m tests.host.doors DATA``.

In a process of its own, for the app is loaded in it. Prints, as JSON, each route with the status that an
anonymous caller from elsewhere gets, and one on this machine; the functions of the app are left out.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from starlette.routing import Route as ExtraRoute

from localhost.app.loading import load_app
from localhost.host import Host
from localhost.http.router import Router, _Node
from localhost.serve import _tell_app
from localhost.services import local_services

ROOT = Path(__file__).parents[2]
URL = "http://127.0.0.1:7071"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def routes_of(node: _Node, path: str = "") -> Iterator[tuple[str, str]]:
    """Every method and path that a router knows; parameters stand as ``x``."""
    for method in node.endpoints:
        yield method, path or "/"
    for name, child in node.literals.items():
        yield from routes_of(child, f"{path}/{name}")
    for _, child in node.others:
        yield from routes_of(child, f"{path}/x")


async def asked(host: Host, method: str, path: str, *, client: str, name: str) -> int:
    transport = httpx.ASGITransport(host.asgi, client=(client, 1))
    async with httpx.AsyncClient(transport=transport, base_url=URL) as http:
        return (await http.request(method, path, headers={"Host": name})).status_code


async def sweep(data: Path) -> dict[str, Any]:
    app = load_app(ROOT)
    services = local_services(data, URL)
    host = Host(
        app,
        data,
        URL,
        sources=services.sources,
        extra_routes=services.routes,
        closers=services.closers,
    )
    await host.start(services.hub_factory)
    router = host.asgi
    assert isinstance(router, Router)
    own = {
        (method, path)
        for method, path in routes_of(router._root)
        if not (path + "/").startswith(("/api/", "/console/"))  # the app's, which tests/http asks
    }
    for route in services.routes:
        assert isinstance(route, ExtraRoute)
        at = route.path.replace("{path:path}", "acme/app/manifests/1")
        assert "{" not in at, at
        own |= {(method, at) for method in route.methods or METHODS}
    found = {}
    for method, path in sorted(own, key=lambda one: (one[1], one[0])):
        outside = await asked(host, method, path, client="203.0.113.9", name="quantum.example")
        inside = await asked(host, method, path, client="127.0.0.1", name="127.0.0.1:7071")
        found[f"{method} {path}"] = [outside, inside]
    await host.stop(grace=1)
    return found


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    _tell_app(folder, URL)
    print(json.dumps(asyncio.run(sweep(folder))))
    sys.stdout.flush()
    os._exit(0)
