"""Requests, answers and refusals, and HTTP/1.1 over asyncio."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import httptools


class RefusedError(Exception):
    """The request is answered with an error."""

    def __init__(
        self, status: int, message: str, *, sub_status: int = 0, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.sub_status = sub_status
        self.headers = headers or {}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    """With the percent encoding resolved."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    query: str = ""
    """As it was sent."""

    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise RefusedError(400, f"not JSON: {error}") from error


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, refusal: RefusedError) -> "Answer":
        body = {"code": _phrase(refusal.status).replace(" ", ""), "message": refusal.message}
        sub_status = {"x-ms-substatus": str(refusal.sub_status)} if refusal.sub_status else {}
        return cls(refusal.status, body, {**sub_status, **refusal.headers})

    @property
    def phrase(self) -> str:
        return _phrase(self.status)

    def content(self) -> bytes:
        """The body as it is sent."""
        body = b"" if self.body is None else self.body
        return body if isinstance(body, bytes) else json.dumps(body).encode()

    def encoded(self) -> bytes:
        body = self.content()
        head = [f"HTTP/1.1 {self.status} {self.phrase}", "content-type: application/json"]
        if self.status not in {204, 304}:
            head.append(f"content-length: {len(body)}")
        head += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*head, "", ""]).encode() + body


def _phrase(status: int) -> str:
    return "Retry With" if status == 449 else HTTPStatus(status).phrase


type Handler = Callable[[Request], Awaitable[Answer | None]]
"""Answers a request; None hangs up instead."""


class Connection(asyncio.Protocol):
    """One client's connection: request, answer, request, answer."""

    def __init__(self, handler: Handler, open_ones: set["Connection"]) -> None:
        self._handler = handler
        self._open = open_ones
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)
        for task in self._tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        url = httptools.parse_url(self._url)
        path, query = unquote(url.path.decode()), (url.query or b"").decode()
        method = self._parser.get_method().decode()
        request = Request(method, path, self._headers, bytes(self._body), query)
        self._headers, self._body = {}, bytearray()
        task = asyncio.get_running_loop().create_task(self._answer(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def abort(self) -> None:
        self._transport.abort()

    async def _answer(self, request: Request) -> None:
        answer = await self._handler(request)
        if answer is None:
            self._transport.abort()
        else:
            self._transport.write(answer.encoded())
