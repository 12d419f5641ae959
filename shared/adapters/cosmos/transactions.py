"""Carries a transaction out, and finds out what a refusal means and what became of a lost answer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from azure.cosmos.exceptions import (
    CosmosBatchOperationError,
    CosmosHttpResponseError,
    CosmosResourceNotFoundError,
)

from shared.adapters.cosmos.bodies import Place, document, escaped_id
from shared.adapters.cosmos.client import Access, Client
from shared.adapters.cosmos.faults import Deadline, never_in_doubt
from shared.adapters.cosmos.operations import Batch, Entry, question, refusal, too_large, unfit
from shared.domain.errors import DocumentStaleError
from shared.ports.documents import Delete, Document, Json, Operation, Patch

OPERATION = "transact"
"""What the request units of all of it are booked under."""


class Transaction:
    """One transaction on its way."""

    def __init__(self, client: Client, batch: Batch, deadline: Deadline) -> None:
        self._client = client
        self._batch = batch
        self._deadline = deadline
        self._doubtful = False

    async def run(self) -> Sequence[Document | None]:
        """Send it; returns and raises as ``Documents.transact`` does."""
        try:
            return self._batch.documents(await self._send(self._batch.entries, self._in_doubt))
        except CosmosBatchOperationError as error:
            if self._doubtful:
                # Refused, perhaps by the work of an earlier attempt whose answer was lost.
                documents = await self._already()
                if documents is not None:
                    return documents
            raise await self._refusal(error) from error
        except CosmosHttpResponseError as error:
            raise too_large() if error.status_code == 413 else error from error

    async def _send(
        self, entries: Sequence[Entry], in_doubt: Callable[[], bool]
    ) -> Sequence[Mapping[str, Any]]:
        key = self._batch.place.partition_key

        async def attempt(access: Access) -> Sequence[Mapping[str, Any]]:
            # The SDK empties the conditions it is given.
            fresh = [(name, arguments, dict(conditions)) for name, arguments, conditions in entries]
            return await access.container.execute_item_batch(
                fresh, partition_key=key, response_hook=access.hook
            )

        return await self._client.call(
            OPERATION,
            self._batch.place.container,
            attempt,
            self._deadline,
            tenant_id=self._batch.place.tenant_id,
            in_doubt=in_doubt,
        )

    def _in_doubt(self) -> bool:
        self._doubtful = True
        return self._batch.refuses_itself

    async def _already(self) -> list[Document | None] | None:
        """The documents as they are, if this transaction was carried out; None if nothing says so."""
        stored = {written: await self._read(written) for written in self._batch.standing}
        if not any(one is not None and self._batch.wrote(one) for one in stored.values()):
            return None
        return [self._left(operation, stored) for operation in self._batch.operations]

    def _left(self, operation: Operation, stored: Mapping[str, dict[str, Json] | None]) -> Document | None:
        if isinstance(operation, Delete):
            return None
        subject = operation.id if isinstance(operation, Patch) else operation.body["id"]
        found = stored.get(escaped_id(subject))
        return None if found is None else document(found)

    async def _refusal(self, error: CosmosBatchOperationError) -> Exception:
        index = self._batch.operation_of(error.error_index)
        asked = question(self._batch, index) if error.status_code == 412 else None
        if asked is None:
            return refusal(self._batch, error, index=index)
        try:
            await self._send(asked, never_in_doubt)  # it stores nothing
        except CosmosBatchOperationError as answer:
            patch = self._batch.operations[index]
            if answer.status_code == 400 and isinstance(patch, Patch):
                return unfit(patch)
        return DocumentStaleError("the document was changed in the meantime", index=index)

    async def _read(self, id: str) -> dict[str, Json] | None:
        return await read_stored(self._client, self._batch.place, id, self._deadline, operation=OPERATION)


async def read_stored(
    client: Client, place: Place, id: str, deadline: Deadline, *, operation: str
) -> dict[str, Json] | None:
    """The document as it is stored; ``id`` is escaped, the request units go under ``operation``."""

    async def attempt(access: Access) -> dict[str, Json] | None:
        try:
            return await access.container.read_item(
                id, partition_key=place.partition_key, response_hook=access.hook, **access.session
            )
        except CosmosResourceNotFoundError as error:
            if error.sub_status:  # not the document: the container, or a replica that is behind
                raise
            access.hook(error.headers or {}, None)
            return None

    return await client.call(operation, place.container, attempt, deadline, tenant_id=place.tenant_id)
