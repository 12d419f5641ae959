"""How a caller stands to its rate limits, as headers.

``RateLimit`` and ``RateLimit-Policy`` are lists of structured fields (RFC 9651), after
draft-ietf-httpapi-ratelimit-headers-10; ``X-RateLimit-…`` are what clients knew before them, of one limit.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import ceil

from shared.domain.errors import RateLimitedError
from shared.domain.rates import Policy, Standing

HEADERS = {
    "X-RateLimit-Limit": "Requests that are allowed in the hour; of a refused request, in what refused it.",
    "X-RateLimit-Remaining": "How many of them are left.",
    "X-RateLimit-Reset": "When there are all of them again, as Unix time.",
    "RateLimit": 'What is left of each limit, and seconds until it is whole again: `"burst";r=99;t=60`.',
    "RateLimit-Policy": 'The limits: `"burst";q=100;w=60` is 100 requests in 60 seconds.',
}


def allowed(standing: Standing) -> None:
    """Go on.

    Raises:
        RateLimitedError: a limit refuses the request.
    """
    if standing.violated:
        raise RateLimitedError(violated=standing.violated, retry_after=standing.retry_after)


def headers(standing: Standing) -> list[tuple[bytes, bytes]]:
    """The headers of a response, in raw form; none where there is no limit."""
    policies, now = standing.policies, standing.now
    if not policies:
        return []
    told = next((at for at, policy in enumerate(policies) if policy.name in standing.violated), 0)
    left = ", ".join(
        f'"{policy.name}";r={remaining};t={ceil(policy.resets_at(now) - now)}'
        for policy, remaining in zip(policies, standing.remaining, strict=True)
    )
    return [
        (b"x-ratelimit-limit", b"%d" % policies[told].limit),
        (b"x-ratelimit-remaining", b"%d" % standing.remaining[told]),
        (b"x-ratelimit-reset", b"%d" % policies[told].resets_at(now)),
        (b"ratelimit", left.encode()),
        (b"ratelimit-policy", _terms(tuple(policies))),
    ]


@lru_cache(1024)
def _terms(policies: Sequence[Policy]) -> bytes:
    return ", ".join(f'"{policy.name}";q={policy.limit};w={policy.seconds}' for policy in policies).encode()
