"""Operations that are done whole, although whoever asked for them gives up."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, Protocol

from localhost.durable.engine import Engine


class _Hub(Protocol):
    @property
    def engine(self) -> Engine: ...


def unbroken[Hub: _Hub, **P, T](
    method: Callable[Concatenate[Hub, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Hub, P], Coroutine[Any, Any, T]]:
    """``method``, in a task of its own that a cancelled caller leaves alone.

    What a method stores it then hands to the engine. A client whose patience ends in between must not part
    the two: the message would be in the file, and in nobody's mailbox until the next start.
    """

    @wraps(method)
    async def whole(hub: Hub, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.shield(hub.engine.spawn(method(hub, *args, **kwargs)))

    return whole
