"""Changing what many change at the same time: each looks, writes if nobody else has, and else looks again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final
from weakref import WeakValueDictionary

from shared.domain.errors import DocumentError, UnavailableError
from shared.security.scope import TenantScope

ATTEMPTS: Final = 12
"""Of a change that others' changes get in the way of."""
PAUSE: Final = 0.002
"""Seconds before the second attempt, at most; before each one after it, at most twice as long."""
LONGEST_PAUSE: Final = 0.5


class BehindError(Exception):
    """What was read is not of one moment, which a store's lag may do: look again."""


class Settling:
    """Of one kind of document, of which each tenant has one that every change is conditioned on."""

    def __init__(self) -> None:
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def settled[T](self, scope: TenantScope, work: Callable[[], Awaitable[T]]) -> T:
        """What the work comes to when nobody's write gets in its way.

        Those of one process wait for each other, instead of refusing each other's writes.

        Raises:
            UnavailableError: somebody's write always did.
        """
        turn = self._turns.setdefault(scope.tenant_id, asyncio.Lock())
        async with turn:
            for attempt in range(ATTEMPTS):
                if attempt:
                    longest = min(PAUSE * 2**attempt, LONGEST_PAUSE)
                    await asyncio.sleep(random.uniform(0, longest))  # noqa: S311 - no secret
                with suppress(DocumentError, BehindError):
                    return await work()
        raise UnavailableError
