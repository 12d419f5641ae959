"""What a process of its own does that makes intents until it is refused."""

import asyncio
import os
from collections.abc import Mapping
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
from tests.forked import Begin
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


async def make_all(told: Mapping[str, Any], begin: Begin) -> int:
    """How many it has made in the ``file``, where there is a ``limit``."""
    clock = FrozenClock()
    with closing(SqliteDocuments(Path(told["file"]), now=clock.now)) as documents:
        shop = composed(documents, clock)
        shop.catalogue.add("act", lambda *_: Completed({}))
        shop.configuration.installation = Allowance(quotas=Quotas(intents=told["limit"]))
        begin()
        return sum(await asyncio.gather(*(make(shop, number) for number in range(AT_ONCE))))
