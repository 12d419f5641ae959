"""A server that says what a test has written down, answer by answer, and remembers what it was asked."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CUT = b""
"""In place of an answer: the connection ends."""


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def answer(status: int = 200, body: Any = None, **headers: str) -> bytes:
    text = json.dumps({} if body is None else body).encode()
    lines = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {len(text)}", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + text


def problem(status: int, code: str, **headers: str) -> bytes:
    body = {"type": f"/api/v1/docs#{code}", "title": code, "status": status, "detail": "so it is scripted"}
    body |= {"instance": "/", "code": code, "request_id": "r-1", "timestamp": "2024-01-04T10:00:00Z"}
    return answer(status, body, **headers)


def stream(*events: dict[str, Any]) -> bytes:
    """An event stream with those events, whose connection ends behind them, and not well."""
    text = "retry: 1000\n\n: still here\n\n"
    for event in events:
        text += f"id: {event['cursor']}\nevent: {event['type']}\ndata: {json.dumps(event)}\n\n"
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 99999\r\n\r\n"
    return (head + text).encode()


class Script:
    """Answers by ``lines``, in their order; the last goes on."""

    def __init__(self) -> None:
        self.lines: Sequence[bytes] = ()
        self.asked: list[Asked] = []

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.asked.append(Asked(method, path, headers, body))
            writer.write(self.lines[min(len(self.asked), len(self.lines)) - 1])
            await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()
