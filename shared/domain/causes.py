"""Why a dependency cannot serve: a fixed vocabulary, so that it may be told to anybody who asks.

Readiness answers callers without a token. It says which of these it is and nothing more; names, addresses
and what the dependency answered go to the log. ``docs/operating.md`` lists them all.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Cause:
    """``code`` is stable; ``reason`` says what is the matter, ``remedy`` what an operator can do about it."""

    code: str
    reason: str
    remedy: str


UNREACHABLE: Final = Cause(
    "unreachable",
    "nobody answers at its address, or another service does",
    "check the address in the settings, the name's resolution, firewalls and private endpoints",
)
SLOW: Final = Cause(
    "slow",
    "it does not answer in time",
    "look at its load and latency; the platform goes on by itself",
)
FAILING: Final = Cause(
    "failing",
    "it answers with errors of its own, or breaks off",
    "look at its health and the platform's log; the platform goes on by itself",
)
THROTTLED: Final = Cause(
    "throttled",
    "it turns requests away: there are too many",
    "raise its throughput, or look for who sends so many",
)
REFUSED: Final = Cause(
    "refused",
    "it refuses the platform's key, or the token of its identity",
    "renew the key or the identity that the settings name; a new token is asked for without a restart",
)
FORBIDDEN: Final = Cause(
    "forbidden",
    "the platform's key or identity may not do what is asked, or its network is kept out",
    "assign the role that reads and writes data, and look at the firewall",
)
MISSING: Final = Cause(
    "missing",
    "a database, container, hub or vault is not there",
    "deploy the infrastructure; the log says which it is",
)
MISFIT: Final = Cause(
    "misfit",
    "a container has another partition key than the platform needs",
    "make the container again as the infrastructure's templates say; the log says which it is",
)
FULL: Final = Cause("full", "there is no room left to write", "make room on the disk of the data folder")
LOCKED: Final = Cause("locked", "another process holds its file", "end what else has the data folder open")
UNUSABLE: Final = Cause(
    "unusable",
    "its file cannot be read or written",
    "check the permissions and the disk of the data folder, or restore a backup",
)
UNCONNECTED: Final = Cause(
    "unconnected",
    "the Functions host has not said yet where it is",
    "wait for the first call; if it stays, look at the durable settings of the host",
)
BUSY: Final = Cause(
    "busy",
    "more calls wait for it than the platform lets wait",
    "look why it is slow; callers are told to come back",
)

CAUSES: Final = (
    UNREACHABLE, SLOW, FAILING, THROTTLED, REFUSED, FORBIDDEN, MISSING,
    MISFIT, FULL, LOCKED, UNUSABLE, UNCONNECTED, BUSY,
)  # fmt: skip
"""All of them."""
