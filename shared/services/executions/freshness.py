"""Seeing what other processes have written to an execution: a read may lag behind, a write never does.

That something is there can be believed of any read. That it is not there, or is not yet so, may only be
that this process has not seen it: where that decides, it catches up first, and looks again.
"""

from contextlib import suppress
from typing import Final

from shared.domain.errors import DocumentMissingError
from shared.ports.documents import EXECUTIONS, Documents, Patch
from shared.security.scope import TenantScope

_HEAD: Final = "execution"


async def catch_up(documents: Documents, scope: TenantScope, execution_id: str) -> None:
    """Have this process read, from now on, all that has been written in the execution's partition so far.

    What a process has written it reads again, and with it what was written before (``ports/documents.py``).
    """
    nothing_new = Patch(_HEAD, set={("seen",): True})
    with suppress(DocumentMissingError):
        await documents.transact(
            scope, container=EXECUTIONS, partition=execution_id, operations=[nothing_new]
        )
