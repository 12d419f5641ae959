"""An Event Hubs namespace in memory, spoken to over AMQP 1.0, with faults on demand.

It knows what the vendor's SDK uses and nothing more: claims-based security with shared access signatures and
Entra ID tokens, the management node, batches by key or to a partition, and consumers with positions.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any

from tests.eventhubs import amqp
from tests.eventhubs.amqp import Described
from tests.eventhubs.connection import Connection, Gone, Inlet, Outlet
from tests.eventhubs.hub import Access, Cursor, Hub, Partition, Reader, Stored, entity, first_of, unpack

_EPOCH = "com.microsoft:epoch"


class Fault(Enum):
    """What can happen to a delivery of events. Nothing is stored unless its name ends in ``STORED``."""

    REFUSED = auto()
    BUSY = auto()
    """Refused as throttled."""
    RELEASED = auto()
    """The outcome that the SDK does not know; it waits on."""
    DETACHED = auto()
    DETACHED_BUT_STORED = auto()
    CLOSED = auto()
    """The whole connection is closed, with a reason."""
    DROPPED = auto()
    """The connection breaks off as the delivery's first frame arrives."""
    DROPPED_BUT_STORED = auto()
    SILENT_BUT_STORED = auto()
    """No answer ever comes."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery of events as the peer saw it."""

    fault: Fault | None
    events: tuple[Stored, ...] = ()


class Peer:
    def __init__(self, *hubs: Hub, access: Access | None = None, max_message_size: int = 1024 * 1024) -> None:
        self.hubs = {hub.name: hub for hub in hubs}
        self.access = access or Access()
        self.max_message_size = max_message_size
        self.faults: deque[Fault | None] = deque()
        """What happens to the deliveries that come, one by one; nothing once it is empty."""
        self.deliveries: list[Delivery] = []
        self.opened = 0
        self.held = 0
        """Deliveries that wait for the gate now."""
        self.gate = asyncio.Event()
        """No delivery is answered before it is set."""
        self.gate.set()
        self.port = 0
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"

    def connection_string(self, *, key: str | None = None) -> str:
        """As a portal shows it, without a hub; the last part makes the SDK do without TLS."""
        return (
            f"Endpoint=sb://{self.address};SharedAccessKeyName={self.access.policy};"
            f"SharedAccessKey={key or self.access.key};UseDevelopmentEmulator=true;"
        )

    async def start(self) -> None:
        """Listen, after a stop at the same port again."""
        self._server = await asyncio.start_server(self._accept, "localhost", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Drop every connection and take no more."""
        assert self._server is not None
        self._server.close()
        for connection in self._connections:
            connection.abort()
        self.gate.set()
        await asyncio.gather(*self._tasks)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(connection)
        self._tasks.add(task)
        self.opened += 1
        try:
            await connection.serve(_Namespace(self, connection))
        finally:
            self._connections.discard(connection)
            self._tasks.discard(task)


class _Namespace:
    """Implements :class:`tests.eventhubs.connection.Broker` for one connection, with what it was let into."""

    def __init__(self, peer: Peer, connection: Connection) -> None:
        self.max_message_size = peer.max_message_size
        self._peer = peer
        self._connection = connection
        self._let_into: list[str] = []

    def inlet(self, link: Inlet, path: str) -> Described | None:
        path = entity(path)
        if path in {"$cbs", "$management"}:
            link.node = path
            return None
        hub, *rest = path.split("/")
        if (refusal := self._refusal(path, hub)) is not None:
            return refusal
        link.node = self._peer.hubs[hub]
        if rest:
            return self._lead(link, hub, rest)
        return None

    def outlet(self, link: Outlet, path: str, attach: list[Any]) -> Described | None:
        path = entity(path)
        if path in {"$cbs", "$management"}:
            link.node = path
            waiting = link.session.replies.setdefault(path, deque())
            link.take = lambda: waiting.popleft() if waiting else None
            return None
        hub, *rest = path.split("/")
        if (refusal := self._refusal(path, hub)) is not None:
            return refusal
        if (refusal := self._lead(link, hub, rest[-2:])) is not None:
            return refusal
        partition: Partition = link.node
        try:
            at = first_of(partition, attach[5].value[7])
        except ValueError as problem:
            return amqp.error("amqp:invalid-field", str(problem))
        link.take = Cursor(partition, at).take
        link.nudge.set()
        self._seat(partition, link, (attach[13] or {}).get(_EPOCH, -1))
        return None

    async def begins(self, link: Inlet) -> None:
        if isinstance(link.node, str):
            return
        link.state = self._peer.faults.popleft() if self._peer.faults else None
        if link.state is Fault.DROPPED:
            self._peer.deliveries.append(Delivery(link.state))
            self._connection.abort()
            raise Gone

    async def delivered(self, link: Inlet, message: bytes) -> None:
        if isinstance(link.node, str):
            self._connection.settle(link, Described(amqp.ACCEPTED, []))
            self._answer(link, message)
            return
        self._peer.held += 1
        await self._peer.gate.wait()
        self._peer.held -= 1
        if len(message) > self.max_message_size:
            reason = f"the message of {len(message)} bytes is over the limit of {self.max_message_size}"
            self._connection.detach(link, amqp.error("amqp:link:message-size-exceeded", reason))
        elif link.state is None or link.state.name.endswith("STORED"):
            self._store(link, message)
        else:
            self._peer.deliveries.append(Delivery(link.state))
            self._suffer(link, link.state)

    def _store(self, link: Inlet, message: bytes) -> None:
        try:
            key, messages = unpack(link.message_format, message)
        except ValueError as problem:
            refusal = amqp.error("com.microsoft:argument-error", str(problem))
            self._connection.settle(link, Described(amqp.REJECTED, [refusal]))
            return
        partition = link.node.place(key) if isinstance(link.node, Hub) else link.node
        partition.append(messages)
        stored = tuple(partition.events[-len(messages) :])
        self._peer.deliveries.append(Delivery(link.state, stored))
        if link.state is None:
            self._connection.settle(link, Described(amqp.ACCEPTED, []))
        else:
            self._suffer(link, link.state)

    def _suffer(self, link: Inlet, fault: Fault) -> None:
        connection = self._connection
        match fault:
            case Fault.REFUSED:
                refusal = amqp.error("amqp:internal-error", "the service was unable to process the request")
                connection.settle(link, Described(amqp.REJECTED, [refusal]))
            case Fault.BUSY:
                refusal = amqp.error("com.microsoft:server-busy", "the request was throttled")
                connection.settle(link, Described(amqp.REJECTED, [refusal]))
            case Fault.RELEASED:
                connection.settle(link, Described(amqp.RELEASED, []))
            case Fault.DETACHED | Fault.DETACHED_BUT_STORED:
                connection.detach(
                    link, amqp.error("amqp:link:detach-forced", "the link moves to another node")
                )
            case Fault.CLOSED:
                connection.close(amqp.error("amqp:connection:forced", "the node is taken down"))
            case Fault.DROPPED | Fault.DROPPED_BUT_STORED:
                connection.abort()
                raise Gone
            case Fault.SILENT_BUT_STORED:
                pass

    def _allowed(self, path: str) -> bool:
        return any(path.lower().startswith(allowed.lower()) for allowed in self._let_into)

    def _refusal(self, path: str, hub: str) -> Described | None:
        if not self._allowed(path):
            return amqp.error("amqp:unauthorized-access", f"no token was put for {path}")
        if hub not in self._peer.hubs:
            return amqp.error("amqp:not-found", f"the messaging entity {hub!r} could not be found")
        return None

    def _lead(self, link: Inlet | Outlet, hub: str, rest: list[str]) -> Described | None:
        """To one partition: ``rest`` is the end of the path, ``Partitions/n``."""
        partitions = self._peer.hubs[hub].partitions
        match rest:
            case [word, number] if word.lower() == "partitions" and number.isdigit():
                if int(number) < len(partitions):
                    link.node = partitions[int(number)]
                    return None
        return amqp.error("com.microsoft:argument-out-of-range", f"there is no partition at {'/'.join(rest)}")

    def _seat(self, partition: Partition, link: Outlet, epoch: int) -> None:
        """Take a consumer in; one with an epoch puts out those with none or with one that is not higher."""
        reader = Reader(epoch, link.nudge, partial(self._connection.detach, link))
        link.close = partial(partition.readers.discard, reader)
        if epoch >= 0:
            for other in [each for each in partition.readers if each.epoch <= epoch]:
                other.put_out(amqp.error("amqp:link:stolen", "a receiver with a higher epoch was created"))
        partition.readers.add(reader)

    def _answer(self, link: Inlet, message: bytes) -> None:
        """Reply to a request at one of the two request nodes, under the id that it came with."""
        parts = {kind: value for kind, value, _ in amqp.sections(message)}
        asked = parts[amqp.APPLICATION_PROPERTIES]
        status, description, result = (
            self._put_token(asked, parts[amqp.VALUE]) if link.node == "$cbs" else self._read(asked)
        )
        reply = {
            amqp.PROPERTIES: [*[None] * 5, parts[amqp.PROPERTIES][0]],
            amqp.APPLICATION_PROPERTIES: {"status-code": status, "status-description": description},
            amqp.VALUE: result,
        }
        self._connection.reply(link.session, link.node, amqp.message(reply))

    def _put_token(self, asked: dict[str, Any], token: Any) -> tuple[int, str, Any]:
        text = token if isinstance(token, str) else token.decode()
        if not self._peer.access.allows(asked["type"], text, asked["name"]):
            return 401, "InvalidSignature: the token has an invalid signature", None
        self._let_into.append(entity(asked["name"]))
        return 202, "Accepted", None

    def _read(self, asked: dict[str, Any]) -> tuple[int, str, Any]:
        hub = self._peer.hubs.get(asked["name"])
        if not self._allowed(asked["name"]):
            return 401, f"no token was put for {asked['name']}", None
        if hub is None:
            return 404, f"the messaging entity {asked['name']!r} could not be found", None
        if asked["type"] == "com.microsoft:eventhub":
            return 200, "OK", hub.properties()
        number = asked["partition"]
        return 200, "OK", hub.partitions[int(number)].properties(hub.name, number)
