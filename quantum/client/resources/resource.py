"""What all resources are made of."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import httpx
from pydantic import BaseModel

from quantum.client.answers import parsed
from quantum.client.errors import UnreachableError
from quantum.client.transport import KEY, Transport

NDJSON = "application/x-ndjson"


class Resource:
    """One noun of the platform."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def _read[Model: BaseModel](self, model: type[Model], path: str, **params: Any) -> Model:
        response = await self._transport.send("GET", path, params=given(params))
        return parsed(model, response)

    async def _change[Model: BaseModel](
        self,
        model: type[Model],
        method: str,
        path: str,
        body: Mapping[str, Any],
        *,
        key: str | None = None,
        if_match: str | None = None,
    ) -> Model:
        headers = given({KEY: key, "If-Match": if_match})
        response = await self._transport.send(method, path, json=given(body) or None, headers=headers)
        return parsed(model, response)

    async def _delete(
        self, path: str, *, if_match: str | None = None, params: Mapping[str, Any] | None = None
    ) -> None:
        headers = given({"If-Match": if_match})
        await self._transport.send("DELETE", path, headers=headers, params=given(params or {}))

    async def _etag(self, path: str) -> str:
        """The state of a resource that there is now."""
        response = await self._transport.send("GET", path)
        return str(response.headers["ETag"])

    async def _lines(self, path: str, params: Mapping[str, Any]) -> AsyncIterator[str]:
        """An export, a line at a time. One that breaks off is not begun anew by itself."""
        try:
            async with self._transport.open(path, accept=NDJSON, params=given(params)) as response:
                async for line in response.aiter_lines():
                    yield line
        except httpx.TransportError as error:
            raise UnreachableError(f"the export of {path} broke off: ask for it again") from error


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is not None, as the wire has it: times in RFC 3339."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
        if value is not None
    }
