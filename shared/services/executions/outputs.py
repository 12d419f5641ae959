"""The use cases of outputs: looking at what steps and executions came to, whole."""

import hashlib
from dataclasses import dataclass
from typing import Any

from shared.domain.errors import NotFoundError
from shared.ports.documents import EXECUTIONS, Documents
from shared.security.scope import TenantScope
from shared.services.callers import Caller
from shared.services.executions.runs import item_document_id, step_document_id
from shared.services.steps.attempts import HEAD, OUTPUTS
from shared.services.steps.packing import read_text


@dataclass(frozen=True, slots=True)
class Whole:
    """Outputs as JSON, and their hash."""

    text: bytes
    sha256: str


class Outputs:
    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def of_execution(self, caller: Caller, execution_id: str) -> Whole:
        """What the execution has come to.

        Raises:
            NotFoundError: there is no such execution, or it has no outputs (yet).
        """
        return await self._whole(caller.scope, execution_id, OUTPUTS, "The execution")

    async def of_step(self, caller: Caller, execution_id: str, step: str, item: int | None = None) -> Whole:
        """What the step, or one item of it, has come to.

        Raises:
            NotFoundError: there is no such execution or step, or it has no outputs (yet).
        """
        name = f"Step {step}" if item is None else f"Item {item} of step {step}"
        document = step_document_id(step) if item is None else item_document_id(step, item)
        return await self._whole(caller.scope, execution_id, document, name)

    async def _whole(self, scope: TenantScope, execution_id: str, id: str, what: str) -> Whole:
        place: Any = {"container": EXECUTIONS, "partition": execution_id}
        # The head is the first to go when an execution is purged.
        if await self._documents.read(scope, **place, id=HEAD) is None:
            raise NotFoundError(f"There is no execution {execution_id}")
        document = await self._documents.read(scope, **place, id=id)
        if document is None or document.body["outputs"] is None:
            raise NotFoundError(f"{what} has no outputs")
        text = await read_text(self._documents, scope, execution_id, document.body)
        return Whole(text, hashlib.sha256(text).hexdigest())
