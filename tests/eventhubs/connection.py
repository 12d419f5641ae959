"""One client's connection to the peer: the handshake, sessions, links, and what is sent to the client.

Sources: OASIS AMQP 1.0, part 2 (transport) and part 5 (5.3, SASL).
"""

import asyncio
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.eventhubs import amqp
from tests.eventhubs.amqp import Frame, Symbol, UInt, UShort

FRAME_SIZE = 64 * 1024
WINDOW = 5_000
CREDIT = 300
_SASL_MECHANISMS, _SASL_OUTCOME = 0x40, 0x44


class Gone(Exception):  # noqa: N818 - no error: the connection is to end here
    """The connection ends now."""


@dataclass(eq=False, slots=True)
class Inlet:
    """A link on which the client sends. ``node`` is what it leads to, in the broker's words."""

    session: "Session"
    handle: int
    node: Any
    deliveries: int = 0
    pending: bytearray | None = None
    message_format: int = 0
    delivery: int = 0
    state: Any = None


@dataclass(eq=False, slots=True)
class Outlet:
    """A link on which the client receives what ``take`` gives, as long as there is credit."""

    session: "Session"
    handle: int
    node: Any
    take: Callable[[], bytes | None]
    close: Callable[[], None] = lambda: None
    nudge: asyncio.Event = field(default_factory=asyncio.Event)
    credit: int = 0
    deliveries: int = 0
    task: asyncio.Task[None] | None = None


@dataclass(eq=False, slots=True)
class Session:
    channel: int
    window: int
    next_in: int
    next_out: int = 0
    links: dict[int, Inlet | Outlet] = field(default_factory=dict)
    replies: dict[str, deque[bytes]] = field(default_factory=dict)


class Broker(Protocol):
    """What a connection asks about the nodes behind it."""

    max_message_size: int

    def inlet(self, link: Inlet, path: str) -> amqp.Described | None:
        """Lead a new link to its node, or say why not."""

    def outlet(self, link: Outlet, path: str, attach: list[Any]) -> amqp.Described | None:
        """The same for a link on which the client receives."""

    async def begins(self, link: Inlet) -> None:
        """The first frame of a delivery arrived."""

    async def delivered(self, link: Inlet, message: bytes) -> None:
        """A delivery is complete; the broker settles it."""


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._sessions: dict[int, Session] = {}
        self.broker: Broker
        self.frame_size = FRAME_SIZE

    async def serve(self, broker: Broker) -> None:
        """Talk until one side ends it."""
        self.broker = broker
        try:
            await self._shake_hands()
            while True:
                await self._handle(await self._read())
        except (Gone, asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            for session in self._sessions.values():
                self._end(session)
            self._writer.close()

    def abort(self) -> None:
        """Drop the connection without a word."""
        self._writer.transport.abort()

    def send(self, channel: int, code: int, fields: list[Any], payload: bytes = b"") -> None:
        self._writer.write(Frame(channel, code, fields, payload).to_bytes())

    def settle(self, link: Inlet, state: amqp.Described) -> None:
        """Answer the delivery that is complete."""
        delivery = UInt(link.delivery)
        self.send(link.session.channel, amqp.DISPOSITION, [True, delivery, delivery, True, state, False])

    def detach(self, link: Inlet | Outlet, reason: amqp.Described) -> None:
        self.send(link.session.channel, amqp.DETACH, [UInt(link.handle), True, reason])
        self._release(link)

    def close(self, reason: amqp.Described) -> None:
        self.send(0, amqp.CLOSE, [reason])
        raise Gone

    def reply(self, session: Session, node: str, message: bytes) -> None:
        """Send a message to the receiver that the client has at one of the request nodes."""
        session.replies.setdefault(node, deque()).append(message)
        for link in session.links.values():
            if isinstance(link, Outlet) and link.node == node:
                link.nudge.set()

    async def _shake_hands(self) -> None:
        await self._swap(b"AMQP\x03\x01\x00\x00")
        mechanisms = Frame(0, _SASL_MECHANISMS, [amqp.Array((Symbol("ANONYMOUS"),))])
        self._writer.write(mechanisms.to_bytes(kind=1))
        await self._read()
        self._writer.write(Frame(0, _SASL_OUTCOME, [amqp.UByte(0)]).to_bytes(kind=1))
        await self._swap(b"AMQP\x00\x01\x00\x00")

    async def _swap(self, header: bytes) -> None:
        if await self._reader.readexactly(8) != header:
            raise Gone
        self._writer.write(header)

    async def _read(self) -> Frame:
        header = await self._reader.readexactly(8)
        (size,) = struct.unpack_from(">I", header)
        return amqp.parse(header, await self._reader.readexactly(size - 8))

    async def _handle(self, frame: Frame) -> None:
        session = self._sessions.get(frame.channel)
        match frame.code:
            case amqp.OPEN:
                self.frame_size = frame.fields[2] or FRAME_SIZE
                fields: list[Any] = [
                    "peer",
                    None,
                    UInt(FRAME_SIZE),
                    UShort(255),
                    UInt(240_000),
                    None,
                    None,
                    None,
                    None,
                    {},
                ]
                self.send(0, amqp.OPEN, fields)
            case amqp.CLOSE:
                self.send(0, amqp.CLOSE, [None])
                raise Gone
            case amqp.BEGIN:
                self._begin(frame)
            case amqp.END if session is not None:
                del self._sessions[frame.channel]
                self._end(session)
                self.send(frame.channel, amqp.END, [None])
            case _ if session is not None:
                await self._handle_in(session, frame)
        await self._writer.drain()

    async def _handle_in(self, session: Session, frame: Frame) -> None:
        """Frames of a session. Those for links that are gone are passed over: they were on their way."""
        if frame.code == amqp.ATTACH:
            self._attach(session, frame.fields)
            return
        link = session.links.get(frame.fields[4 if frame.code == amqp.FLOW else 0])
        if frame.code == amqp.TRANSFER:
            session.next_in += 1
            if isinstance(link, Inlet):
                await self._transfer(link, frame)
        elif frame.code == amqp.FLOW:
            session.window = (frame.fields[0] or 0) + frame.fields[1] - session.next_out
            if isinstance(link, Outlet):
                link.credit = (frame.fields[5] or 0) + frame.fields[6] - link.deliveries
            for each in session.links.values():
                if isinstance(each, Outlet):
                    each.nudge.set()
        elif frame.code == amqp.DETACH and link is not None:
            self._release(link)
            self.send(session.channel, amqp.DETACH, [UInt(link.handle), bool(frame.fields[1]), None])

    def _begin(self, frame: Frame) -> None:
        self._sessions[frame.channel] = Session(frame.channel, frame.fields[2], next_in=frame.fields[1])
        windows = [UInt(0), UInt(WINDOW), UInt(WINDOW), UInt(255), None, None, None]
        self.send(frame.channel, amqp.BEGIN, [UShort(frame.channel), *windows])

    def _attach(self, session: Session, fields: list[Any]) -> None:
        name, handle, receives = fields[:3]
        source, target = fields[5].value[0], fields[6].value[0]
        answer = [
            *(name, UInt(handle), not receives, amqp.UByte(fields[3] or 0), amqp.UByte(fields[4] or 0)),
            amqp.Described(amqp.SOURCE, [source, *[None] * 10]),
            amqp.Described(amqp.TARGET, [target, *[None] * 6]),
            *(None, False, UInt(0) if receives else None),
            amqp.ULong(self.broker.max_message_size),
        ]
        self.send(session.channel, amqp.ATTACH, answer)
        link: Inlet | Outlet
        if receives:
            link = Outlet(session, handle, None, lambda: None)
            refusal = self.broker.outlet(link, source, fields)
        else:
            link = Inlet(session, handle, None)
            refusal = self.broker.inlet(link, target)
        if refusal is not None:
            self.detach(link, refusal)
            return
        session.links[handle] = link
        if isinstance(link, Outlet):
            link.task = asyncio.get_running_loop().create_task(self._pour(link))
        else:
            self._flow(link)

    async def _transfer(self, link: Inlet, frame: Frame) -> None:
        if link.pending is None:
            link.pending = bytearray()
            link.delivery, link.message_format = frame.fields[1], frame.fields[3] or 0
            await self.broker.begins(link)
        link.pending += frame.payload
        if frame.fields[5]:
            return
        message, link.pending = bytes(link.pending), None
        link.deliveries += 1
        await self.broker.delivered(link, message)
        if link.deliveries % (CREDIT // 2) == 0:
            self._flow(link)

    def _flow(self, link: Inlet) -> None:
        session = link.session
        windows = [UInt(session.next_in), UInt(WINDOW), UInt(session.next_out), UInt(WINDOW)]
        fields = [*windows, UInt(link.handle), UInt(link.deliveries), UInt(CREDIT), None, False, False]
        self.send(session.channel, amqp.FLOW, fields)

    async def _pour(self, link: Outlet) -> None:
        """Send what there is whenever there may be something, within credit and the session's window."""
        while True:
            await link.nudge.wait()
            link.nudge.clear()
            while link.credit > 0 and link.session.window > 0 and (message := link.take()) is not None:
                self._send_message(link, message)
                await self._writer.drain()

    def _send_message(self, link: Outlet, message: bytes) -> None:
        """One settled delivery (the SDK never answers one), cut to the client's frames."""
        session, room = link.session, self.frame_size - 512
        delivery, tag = UInt(link.deliveries), struct.pack(">I", link.deliveries)
        link.deliveries += 1
        link.credit -= 1
        for start in range(0, len(message), room):
            more = start + room < len(message)
            fields = [UInt(link.handle), delivery, tag, UInt(0), True, more, None, None, False, False, False]
            self.send(session.channel, amqp.TRANSFER, fields, message[start : start + room])
            session.next_out += 1
            session.window -= 1

    def _release(self, link: Inlet | Outlet) -> None:
        link.session.links.pop(link.handle, None)
        if isinstance(link, Outlet):
            link.close()
            if link.task is not None:
                link.task.cancel()

    def _end(self, session: Session) -> None:
        for link in list(session.links.values()):
            self._release(link)
