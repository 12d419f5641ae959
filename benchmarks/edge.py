"""A1 and A2: requests a second and their latency under 32 connections, beside a bare Starlette app."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.client import Api, Connection
from benchmarks.executions import trivial
from benchmarks.report import line, spread
from examples import hosting

CONNECTIONS = 32


async def requests(host: hosting.Host, count: int) -> None:
    api = Api(host.url, host.token(user="bench", role="author"))
    await api.create("read-me", trivial(10))
    body = {"definition": {"steps": trivial(3)}}

    def get(connection: Connection, _: int) -> bytes:
        return connection.prepared("GET", "/api/v1/intents/read-me", token=api.token)

    def create(connection: Connection, number: int) -> bytes:
        return connection.prepared(
            "POST", "/api/v1/intents", token=api.token, body=body | {"name": f"a1-{number}"}
        )

    with bare_app() as url:
        bare = await load(url, count, lambda connection, _: connection.prepared("GET", "/"), 200)
    line("A0", "a bare Starlette app, requests/s and ms", **bare)
    for name, what, build, expect in (
        ("A1", "create-intent", create, 201),
        ("A2", "get-intent", get, 200),
    ):
        figures = await load(host.url, count, build, expect)
        share = round(figures["requests_per_second"] / bare["requests_per_second"], 3)
        line(name, f"{what}, requests/s and ms", **figures, of_bare=share)


async def load(
    url: str, count: int, build: Callable[[Connection, int], bytes], expect: int
) -> dict[str, float]:
    """Send ``count`` requests over 32 connections; requests a second, and milliseconds each."""
    numbers = iter(range(count))
    taken: list[float] = []

    async def worker() -> None:
        connection = await Connection.open(url)
        for number in numbers:
            request = build(connection, number)
            started = time.perf_counter()
            answer = await connection.send(request)
            taken.append(time.perf_counter() - started)
            assert answer.status == expect, answer
        await connection.close()

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))
    rate = count / (time.perf_counter() - started)
    return {"requests": count, "requests_per_second": round(rate, 1), **spread(taken, scale=1e3)}


BARE = """
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

async def hello(request):
    return JSONResponse({"hello": "world"})

class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)

app = Starlette(routes=[Route("/", hello)])
Server(uvicorn.Config(app, port=0, log_level="critical", access_log=False)).run()
"""


@contextmanager
def bare_app() -> Iterator[str]:
    """The address of a Starlette app that does nothing but answer, in a process of its own."""
    with subprocess.Popen([sys.executable, "-c", BARE], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()
