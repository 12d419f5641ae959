"""Requests that no member stands behind: those of routes without a token, and those whose token is refused.

Nobody is refused for what others do: who has a good token is never held off, whatever its neighbours send.
So a token is looked at first, and who fails too often is told when to come back. It is counted in each
process by itself, in bounded memory: nothing here is worth a question to the store.
"""

import logging
from collections import OrderedDict
from math import ceil
from typing import Final

from shared.domain.errors import RateLimitedError
from shared.domain.rates import BURST, Policy
from shared.domain.strangers import Failures, neighbourhood
from shared.ports.clock import Clock

KEPT: Final = 16_384
"""Most parties that are remembered; those that were not seen for longest are forgotten first."""
FAILED: Final = "failures"
"""What a refusal for failures names as violated."""
AGAIN: Final = "Too many requests failed to say who asks; Retry-After says when to try again"

_log = logging.getLogger(__name__)


class Strangers:
    """Counts failures, and requests without a token; None: any number of them."""

    def __init__(self, clock: Clock, *, failures: int | None, requests: int | None) -> None:
        self._clock = clock
        self._free = failures
        self._requests = requests
        self._failures: OrderedDict[str, Failures] = OrderedDict()
        self._counts: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()

    def failed(self, address: str | None) -> None:
        """Count that a request from there failed to say who asks.

        Raises:
            RateLimitedError: too many have already; this one is not counted.
        """
        self._fail(neighbourhood(address))

    def nobody(self, issuer: str, subject: str) -> None:
        """Count, as :meth:`failed`, that an identity that is beyond doubt is no member."""
        self._fail(_identity(issuer, subject))

    def require_free(self, issuer: str, subject: str) -> None:
        """Let pass an identity that was not found to be no member again and again.

        Raises:
            RateLimitedError: it was, and is not looked for again yet.
        """
        self._require_free(_identity(issuer, subject))

    def count(self, what: str, address: str | None) -> None:
        """Count a request without a token.

        Raises:
            RateLimitedError: there were as many from there in this minute as may be.
        """
        if self._requests is None:
            return
        policy, now = Policy(what, self._requests, BURST), self._now()
        key, window = (what, neighbourhood(address)), policy.window(now)
        number, count = self._counts.get(key, (window, 0))
        count = count + 1 if number == window else 1
        if count > policy.limit:
            message = (
                f"There is no token with it, and of such requests an address sends {policy.limit} a minute"
            )
            raise RateLimitedError(message, violated=[what], retry_after=ceil(policy.resets_at(now) - now))
        _keep(self._counts, key, (window, count))

    def _fail(self, who: str) -> None:
        if self._free is None:
            return
        self._require_free(who)
        now = self._now()
        failures = self._failures.get(who, Failures()).again(now, free=self._free)
        _keep(self._failures, who, failures)
        if (left := failures.left(now)) > 0:
            _log.warning("%s has failed %d times: held off for %d s", who, ceil(failures.count), left)

    def _require_free(self, who: str) -> None:
        known = self._failures.get(who)
        if known is not None and (left := known.left(self._now())) > 0:
            raise RateLimitedError(AGAIN, violated=[FAILED], retry_after=left)

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _identity(issuer: str, subject: str) -> str:
    return f"{subject!r} of {issuer}"


def _keep[Key, Value](kept: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > KEPT:
        kept.popitem(last=False)
