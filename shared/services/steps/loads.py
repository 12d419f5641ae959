"""Large outputs as values, for the expressions that name them."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import orjson

from shared.ports.documents import Documents
from shared.security.scope import TenantScope
from shared.services.steps.packing import read_text

LOADED_BYTES: Final = 16 * 1024 * 1024
"""How many bytes of them, as JSON, a process keeps."""

type _Key = tuple[str, str, str]
"""Tenant, execution, and the name of the chunks."""


class Loads:
    """A bounded cache of them; each is loaded once, however many ask for it at a time."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._kept: OrderedDict[_Key, tuple[Mapping[str, Any], int]] = OrderedDict()
        self._loading: dict[_Key, asyncio.Task[Mapping[str, Any]]] = {}
        self._bytes = 0

    async def outputs(
        self, scope: TenantScope, execution_id: str, body: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """The outputs of the document ``body``, whole.

        Raises:
            UnavailableError: see :func:`read_text`.
        """
        if body.get("kept") is None:
            return body["outputs"] or {}
        key = (scope.tenant_id, execution_id, body["kept"]["name"])
        if (kept := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return kept[0]
        if (loading := self._loading.get(key)) is None:
            loading = self._loading[key] = asyncio.create_task(self._load(scope, key, body))
            loading.add_done_callback(lambda _: self._loading.pop(key, None))
        return await asyncio.shield(loading)

    async def _load(self, scope: TenantScope, key: _Key, body: Mapping[str, Any]) -> Mapping[str, Any]:
        text = await read_text(self._documents, scope, key[1], body)
        value: Mapping[str, Any] = orjson.loads(text)
        self._kept[key] = value, len(text)
        self._bytes += len(text)
        while self._bytes > LOADED_BYTES and len(self._kept) > 1:
            self._drop(next(iter(self._kept)))
        return value

    def forget(self, scope: TenantScope, execution_id: str) -> None:
        """Drop those of an execution, which has come to its end."""
        for key in [key for key in self._kept if key[:2] == (scope.tenant_id, execution_id)]:
            self._drop(key)

    def _drop(self, key: _Key) -> None:
        _, size = self._kept.pop(key)
        self._bytes -= size
