"""A process that writes documents until it is killed, and prints what it was told is stored.

``python -m tests.sqlite.crashing FILE``: 40 writers, each on a partition of its own; a line
``<partition> <n>`` is printed after each transaction that returned.
"""

import asyncio
import sys
from pathlib import Path

from localhost.sqlite.documents import SqliteDocuments
from shared.ports.documents import EXECUTIONS, Create, Documents, Patch
from shared.security.scope import TenantScope

WRITERS = 40
SCOPE = TenantScope("acme")


async def write(documents: Documents, partition: str) -> None:
    await documents.transact(
        SCOPE,
        container=EXECUTIONS,
        partition=partition,
        operations=[Create({"id": "head", "kind": "execution", "done": 0})],
    )
    n = 0
    while True:
        n += 1
        await documents.transact(
            SCOPE,
            container=EXECUTIONS,
            partition=partition,
            operations=[
                Patch("head", increment={("done",): 1}),
                Create({"id": f"step {n}", "kind": "step"}),
                Create({"id": f"event {n}", "kind": "event"}),
            ],
        )
        print(partition, n, flush=True)


async def main(path: Path) -> None:
    documents = SqliteDocuments(path)
    await asyncio.gather(*[write(documents, str(number)) for number in range(WRITERS)])


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
