"""The SDK's way to the test server without a connection: the one asks, the other answers, on one thread.

With one, each request changes threads four times, and on two cores they wait for each other's turn at the
interpreter: more than all else that a test over Cosmos DB does. What goes over a connection, and what breaks
it, is in the contract suites and in this folder's tests.
"""

import asyncio
from typing import Any
from urllib.parse import unquote, urlsplit

from azure.core.exceptions import ServiceResponseError
from azure.core.pipeline.transport import AsyncHttpResponse, AsyncHttpTransport, HttpRequest
from azure.core.utils import CaseInsensitiveDict

from tests.cosmos.protocol import Answer, Request
from tests.cosmos.server import CosmosServer


class NearResponse(AsyncHttpResponse):
    """An answer that is there already."""

    def __init__(self, request: HttpRequest, answer: Answer) -> None:
        super().__init__(request, None)
        self.status_code = answer.status
        self.reason = answer.phrase
        self.headers = CaseInsensitiveDict({"content-type": "application/json", **answer.headers})
        self._body = answer.content()

    async def load_body(self) -> None:
        """Nothing to do."""

    def body(self) -> bytes:
        return self._body


class NearTransport(AsyncHttpTransport[HttpRequest, AsyncHttpResponse]):
    """Asks ``server``."""

    def __init__(self, server: CosmosServer) -> None:
        self._server = server

    async def open(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    async def __aexit__(self, *_: object) -> None:
        """Nothing to do."""

    async def send(self, request: HttpRequest, **_: Any) -> AsyncHttpResponse:
        url, body = urlsplit(request.url), request.body or b""
        assert isinstance(body, str | bytes)
        asked = Request(
            request.method,
            unquote(url.path),
            {name.lower(): str(value) for name, value in request.headers.items()},
            body.encode() if isinstance(body, str) else body,
            url.query,
        )
        await asyncio.sleep(0)  # others ask meanwhile
        answer = await self._server.answer(asked)
        await asyncio.sleep(0)
        if answer is None:
            raise ServiceResponseError("the server hung up")
        return NearResponse(request, answer)
