"""A process of its own that makes intents until it is refused, and prints how many it has made.

``python -m tests.services.making {"file": FILE, "limit": …}``
"""

import asyncio
import json
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from localhost.sqlite.documents import SqliteDocuments
from shared.domain.allowances import Allowance
from shared.domain.errors import QuotaExceededError, UnavailableError
from shared.domain.intents import NewIntent
from shared.domain.quotas import Quotas
from shared.ports.actions import Completed
from tests.fakes.clock import FrozenClock
from tests.services.conftest import Workshop, composed

AT_ONCE = 3


async def make(shop: Workshop, number: int) -> int:
    """How many are made until one is refused."""
    made = 0
    while True:
        new = NewIntent(f"p{os.getpid()}-{number}-{made}", {"steps": [{"id": "a", "action": "act"}]})
        try:
            await shop.intents.create(shop.ada, new)
        except QuotaExceededError:
            return made
        except UnavailableError:
            continue  # the others were always faster
        made += 1


async def main(told: dict[str, Any]) -> None:
    clock = FrozenClock()
    with closing(SqliteDocuments(Path(told["file"]), now=clock.now)) as documents:
        shop = composed(documents, clock)
        shop.catalogue.add("act", lambda *_: Completed({}))
        shop.configuration.installation = Allowance(quotas=Quotas(intents=told["limit"]))
        print("ready", flush=True)
        sys.stdin.readline()  # so that all begin together
        print(sum(await asyncio.gather(*(make(shop, number) for number in range(AT_ONCE)))), flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
