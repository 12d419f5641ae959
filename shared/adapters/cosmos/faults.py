"""What can go wrong between here and Cosmos DB, and how long it is put up with.

Status codes: "HTTP status codes for Azure Cosmos DB". The SDK's own retries are off (see ``client.py``): it
would send a write again whose answer was lost, and an increment would count twice.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import ClientConnectorError
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
)
from azure.cosmos.exceptions import (
    CosmosBatchOperationError,
    CosmosClientTimeoutError,
    CosmosHttpResponseError,
)

from shared.adapters.cosmos.errors import CosmosMisconfiguredError, CosmosUnavailableError
from shared.domain.causes import (
    FAILING,
    FORBIDDEN,
    MISSING,
    REFUSED,
    SLOW,
    THROTTLED,
    UNREACHABLE,
    Cause,
)

FIRST_PAUSE = 0.02
LONGEST_PAUSE = 1.0
"""Seconds between attempts, where the service does not say."""

_IN_DOUBT = "The store did not answer; look whether the change was made before trying again"
_PASSING = {408, 410, 429, 449, 500, 502, 503, 504}
_REFUSED = "the key or identity is refused"
_LATE = "Cosmos DB does not answer in time"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that may pass."""

    reason: str
    cause: Cause
    sent: bool = False
    """Whether a write may have been carried out."""
    pause: float | None = None
    """Seconds that the service asks to wait."""


class Deadline:
    """When the patience of one call is over."""

    def __init__(self, seconds: float) -> None:
        self._ends = asyncio.get_running_loop().time() + seconds

    def left(self) -> float:
        return self._ends - asyncio.get_running_loop().time()


def never_in_doubt() -> bool:
    """Of a read: it may be repeated whatever became of the last attempt."""
    return True


async def persist[T](
    attempt: Callable[[], Awaitable[T]],
    deadline: Deadline,
    *,
    in_doubt: Callable[[], bool] = never_in_doubt,
) -> T:
    """The result of ``attempt``, repeated while what goes wrong may pass and the deadline has not.

    ``in_doubt`` is called when a write may or may not have been carried out; it says whether to repeat it.

    Raises:
        UnavailableError: it did not pass in time, or cannot.
        CosmosHttpResponseError: the service answered something that the caller knows better.
    """
    pause, message, last = FIRST_PAUSE, "", None
    while True:
        try:
            async with asyncio.timeout(max(deadline.left(), 0)):
                return await attempt()
        except (AzureError, TimeoutError) as error:
            trouble = trouble_of(error)
            if last is not None and isinstance(error, TimeoutError) and deadline.left() <= 0:
                trouble = replace(last, sent=trouble.sent)  # that is where the time went
            last = trouble
            if trouble.sent and in_doubt is not never_in_doubt:
                message = _IN_DOUBT
            if trouble.sent and not in_doubt():
                raise CosmosUnavailableError(trouble.reason, trouble.cause, message=message) from error
            # Jitter: those who were turned away together do not come back together.
            wait = trouble.pause if trouble.pause is not None else pause * random.uniform(0.5, 1)  # noqa: S311
            if wait >= deadline.left():
                raise CosmosUnavailableError(
                    trouble.reason, trouble.cause, message=message, retry_after=max(1, math.ceil(wait))
                ) from error
            await asyncio.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)


def trouble_of(error: Exception) -> Trouble:
    """What ``error`` is, if it may pass.

    Raises:
        CosmosMisconfiguredError: it will not pass by itself.
        CosmosHttpResponseError: it is an answer to this request in particular.
    """
    match error:
        case CosmosClientTimeoutError():
            return Trouble(_LATE, SLOW, sent=True)
        case CosmosHttpResponseError():
            return _answered(error)
        case CosmosBatchOperationError() if error.status_code in _PASSING:
            # One operation could not be done now, so none was.
            return Trouble(
                f"Cosmos DB answers {error.status_code} to an operation",
                THROTTLED if error.status_code == 429 else FAILING,
                pause=_asked(error.headers),
            )
        case ClientAuthenticationError():
            raise CosmosMisconfiguredError(f"Cosmos DB: {_REFUSED}: {error.message}", REFUSED) from error
        case DecodeError():
            return Trouble(f"Cosmos DB answers what is no answer: {error.message}", FAILING, sent=True)
        case ServiceRequestError() | ServiceResponseError():
            # The SDK says of a connection that broke after sending, too, that the request was never sent.
            unsent = isinstance(error, ServiceRequestTimeoutError) or isinstance(
                error.inner_exception, ClientConnectorError
            )
            reason = "cannot be reached" if unsent else "hung up"
            cause = UNREACHABLE if unsent else FAILING
            return Trouble(f"Cosmos DB {reason}: {error.message}", cause, sent=not unsent)
        case TimeoutError():
            return Trouble(_LATE, SLOW, sent=True)
    raise error


def _answered(error: CosmosHttpResponseError) -> Trouble:
    status, sub_status = error.status_code, error.sub_status or 0
    reason = f"Cosmos DB answers {status}/{sub_status}"
    match status, sub_status:
        case 429, _:
            return Trouble(f"{reason}: too many requests", THROTTLED, pause=_asked(error.headers))
        case (449, _) | (404, 1002) | (403, 3 | 1008):
            # Not done: it collided; a replica is behind; the account is failing over.
            return Trouble(reason, FAILING)
        case 401, _:
            raise CosmosMisconfiguredError(f"{reason}: {_REFUSED}", REFUSED) from error
        case 403, _:
            raise CosmosMisconfiguredError(f"{reason}: {_REFUSED} for this", FORBIDDEN) from error
        case 404, 1003:
            raise CosmosMisconfiguredError(
                f"{reason}: the database or a container is missing", MISSING
            ) from error
        case (408 | 410 | 500 | 502 | 503 | 504, _):
            return Trouble(reason, FAILING, sent=True)
    raise error


def _asked(headers: Mapping[str, Any] | None) -> float | None:
    """Seconds that the service asks to wait; None if it does not, or not in a number."""
    asked = str((headers or {}).get("x-ms-retry-after-ms", ""))
    return int(asked) / 1000 if asked.isdecimal() else None
