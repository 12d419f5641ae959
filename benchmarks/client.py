"""A lean HTTP/1.1 client over asyncio, so that the load does not cost more than what is measured.

It speaks what the platform answers: ``Content-Length`` bodies, and chunked ones for event streams.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One kept-alive connection; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host

    @classmethod
    async def open(cls, url: str) -> "Connection":
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        return cls(reader, writer, parts.netloc)

    def prepared(
        self, method: str, path: str, *, token: str = "", body: Any = None, accept: str = ""
    ) -> bytes:
        """The bytes of a request, to be sent as often as one likes."""
        content = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}", f"Content-Length: {len(content)}"]
        lines += [f"Authorization: Bearer {token}"] if token else []
        lines += [f"Accept: {accept}"] if accept else []
        lines += ["Content-Type: application/json"] if content else []
        return "\r\n".join([*lines, "", ""]).encode() + content

    async def send(self, request: bytes) -> Answer:
        self._writer.write(request)
        status, headers = await self._head()
        length = int(headers.get("content-length", "0"))
        return Answer(status, await self._reader.readexactly(length) if length else b"")

    async def events(self, request: bytes) -> AsyncIterator[dict[str, Any]]:
        """The JSON of a stream's events as they arrive."""
        self._writer.write(request)
        status, headers = await self._head()
        if status != 200 or headers.get("transfer-encoding") != "chunked":
            raise RuntimeError(f"no event stream: status {status}, {headers}")
        while size := int((await self._reader.readline()).strip() or b"0", 16):
            chunk = await self._reader.readexactly(size)
            await self._reader.readexactly(2)
            for line in chunk.splitlines():
                if line.startswith(b"data:"):
                    yield json.loads(line[5:])
        await self._reader.readline()

    async def _head(self) -> tuple[int, dict[str, str]]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        return int(head[0].split(" ", 2)[1]), headers

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


class Api:
    """The platform's routes, for the workloads."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token

    async def call(self, method: str, path: str, body: Any = None, *, expect: int) -> Any:
        connection = await Connection.open(self.url)
        try:
            request = connection.prepared(method, f"/api/v1{path}", token=self.token, body=body)
            answer = await connection.send(request)
        finally:
            await connection.close()
        if answer.status != expect:
            raise RuntimeError(f"{method} {path} answered {answer.status}: {answer.body.decode()[:2000]}")
        return answer.json()

    async def create(self, name: str, steps: list[dict[str, Any]]) -> str:
        return await self.define(name, {"steps": steps})

    async def define(self, name: str, definition: dict[str, Any]) -> str:
        intent = await self.call("POST", "/intents", {"name": name, "definition": definition}, expect=201)
        return str(intent["id"])

    async def execute(self, intent: str, parameters: dict[str, Any] | None = None) -> str:
        body = {"parameters": parameters or {}}
        answer = await self.call("POST", f"/intents/{intent}/execute", body, expect=202)
        return str(answer["execution_id"])

    async def watch(self, execution: str) -> AsyncIterator[dict[str, Any]]:
        connection = await Connection.open(self.url)
        try:
            path = f"/api/v1/executions/{execution}/events"
            request = connection.prepared("GET", path, token=self.token, accept="text/event-stream")
            async for event in connection.events(request):
                yield event
        finally:
            await connection.close()

    async def finished(self, execution: str) -> dict[str, Any]:
        """The terminal event, when it has come."""
        last: dict[str, Any] = {}
        async for event in self.watch(execution):
            last = event
        return last
