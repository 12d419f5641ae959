"""What a parts list gives to the composition root: something for every port."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from shared.ports.clock import Clock, Ids
from shared.ports.credentials import Credentials, NoCredentials
from shared.ports.documents import Documents
from shared.ports.events import Events
from shared.ports.leavings import Leavings
from shared.ports.orchestrations import Orchestrations
from shared.ports.registries import RegistryPlace
from shared.ports.remains import NoRemains, Remains
from shared.ports.secrets import NoSecrets, Secrets
from shared.ports.targets import Target
from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.ports.tokens import Tokens

type Closer = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Adapters:
    """What serves the ports, and the key that seals cursors."""

    documents: Documents
    events: Events
    orchestrations: Orchestrations
    tokens: Tokens
    clock: Clock
    ids: Ids
    cursor_key: bytes
    credentials: Credentials = field(default_factory=NoCredentials)
    secrets: Secrets = field(default_factory=NoSecrets)
    remains: Remains = field(default_factory=NoRemains)
    telemetry: Telemetry = NO_TELEMETRY
    local_registry: RegistryPlace | None = None
    """The registry that this host itself is, where it is one."""
    leavings: Leavings | None = None
    """What executions have left in that registry."""
    target: Target | None = None
    """Where workloads run whose steps name no cluster, if there is such a place."""
    closers: Sequence[Closer] = ()
    """What ends those parts that keep something open, in the order in which they were opened."""

    async def close(self) -> None:
        """Write out what is queued and end connections, the last opened first, whichever of them fail.

        Nothing may use the adapters afterwards. It is for whoever has an end to speak of: the local host,
        tests. In Azure nobody calls it, for the Python worker tells the app nothing before the process ends.
        Nothing is lost by that: what was acknowledged is with the service, and connections end by themselves.
        """
        async with AsyncExitStack() as stack:
            for close in self.closers:
                stack.push_async_callback(close)
