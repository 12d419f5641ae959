"""The AMQP 1.0 wire: types, messages and frames, as far as the Event Hubs SDK and its peer use them.

Sources: OASIS AMQP 1.0, part 1 (types), part 2 (transport, 2.3 framing), part 3 (messaging, 3.2 sections).
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE = range(0x10, 0x19)
ARITY = {OPEN: 10, BEGIN: 8, ATTACH: 14, FLOW: 11, TRANSFER: 11, DISPOSITION: 6, DETACH: 3, END: 1, CLOSE: 1}
"""The fields of each performative. The SDK reads them by position: none may be left out at the end."""

ERROR, ACCEPTED, REJECTED, RELEASED, SOURCE, TARGET = 0x1D, 0x24, 0x25, 0x26, 0x28, 0x29
HEADER, DELIVERY_ANNOTATIONS, MESSAGE_ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES = range(0x70, 0x75)
DATA, VALUE = 0x75, 0x77


class Symbol(str):
    """ASCII from a constrained domain; not the same type as a string."""

    __slots__ = ()


class UByte(int):
    pass


class UShort(int):
    pass


class UInt(int):
    pass


class ULong(int):
    pass


class Long(int):
    pass


class Timestamp(int):
    """Milliseconds since 1970."""


class Array(tuple[str, ...]):
    """Strings, or symbols if the first one is."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Described:
    descriptor: Any
    value: Any


_FIXED = {
    0x50: ">B",
    0x51: ">b",
    0x52: ">B",
    0x53: ">B",
    0x54: ">b",
    0x55: ">b",
    0x56: ">?",
    0x60: ">H",
    0x61: ">h",
    0x70: ">I",
    0x71: ">i",
    0x72: ">f",
    0x80: ">Q",
    0x81: ">q",
    0x82: ">d",
    0x83: ">q",
    0x98: "16s",
}
_CONSTRUCTORS = {UByte: 0x50, UShort: 0x60, UInt: 0x70, int: 0x71, ULong: 0x80, Long: 0x81, Timestamp: 0x83}
_CONSTANTS: Mapping[int, Any] = {0x40: None, 0x41: True, 0x42: False, 0x43: 0, 0x44: 0, 0x45: ()}
_SHORT = 256


def encode(value: Any) -> bytes:
    """The value with its constructor."""
    return _ENCODERS[type(value)](value)


def _number(value: int) -> bytes:
    constructor = _CONSTRUCTORS[type(value)]
    return bytes((constructor,)) + struct.pack(_FIXED[constructor], value)


def _variable(constructor: int, content: bytes) -> bytes:
    if len(content) < _SHORT:
        return bytes((constructor, len(content))) + content
    return bytes((constructor + 0x10,)) + struct.pack(">I", len(content)) + content


def _compound(constructor: int, values: Sequence[Any]) -> bytes:
    content = b"".join(map(encode, values))
    return bytes((constructor,)) + struct.pack(">II", len(content) + 4, len(values)) + content


def _array(values: Array) -> bytes:
    constructor = b"\xb3" if isinstance(values[0], Symbol) else b"\xb1"
    content = b"".join(struct.pack(">I", len(value.encode())) + value.encode() for value in values)
    return b"\xf0" + struct.pack(">II", len(content) + 5, len(values)) + constructor + content


def _described(value: Described) -> bytes:
    kind = value.descriptor
    return b"\x00" + (bytes((0x53, kind)) if isinstance(kind, int) else encode(kind)) + encode(value.value)


_ENCODERS: Mapping[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"\x40",
    bool: lambda value: b"\x41" if value else b"\x42",
    **dict.fromkeys(_CONSTRUCTORS, _number),
    UUID: lambda value: b"\x98" + value.bytes,
    bytes: lambda value: _variable(0xA0, value),
    str: lambda value: _variable(0xA1, value.encode()),
    Symbol: lambda value: _variable(0xA3, value.encode("ascii")),
    list: lambda value: _compound(0xD0, value),
    dict: lambda value: _compound(0xD1, [part for pair in value.items() for part in pair]),
    Array: _array,
    Described: _described,
}


def decode(data: bytes, at: int = 0) -> tuple[Any, int]:
    """The value that begins at ``at``, and where the next one begins."""
    return _decode(data[at], data, at + 1)


def _decode(constructor: int, data: bytes, at: int) -> tuple[Any, int]:
    """The first four bits of a constructor are the kind of encoding. Source: part 1, 1.2."""
    match constructor >> 4:
        case 0x0:
            descriptor, at = decode(data, at)
            value, at = decode(data, at)
            return Described(descriptor, value), at
        case 0x4:
            return _CONSTANTS[constructor], at
        case kind if kind < 0xA:
            layout = _FIXED[constructor]
            (value,) = struct.unpack_from(layout, data, at)
            return UUID(bytes=value) if constructor == 0x98 else value, at + struct.calcsize(layout)
    size, at = _size(constructor, data, at)
    if constructor < 0xC0:
        return _text(constructor, data[at : at + size]), at + size
    return _members(constructor, data, at), at + size


def _size(constructor: int, data: bytes, at: int) -> tuple[int, int]:
    """A size or a count: one octet, or four where the constructor's bit says so."""
    if constructor & 0x10:
        return struct.unpack_from(">I", data, at)[0], at + 4
    return data[at], at + 1


def _text(constructor: int, content: bytes) -> Any:
    kinds: Mapping[int, Callable[[bytes], Any]] = {
        0x0: bytes,
        0x1: lambda text: text.decode(),
        0x3: lambda text: Symbol(text.decode("ascii")),
    }
    return kinds[constructor & 0x0F](content)


def _members(constructor: int, data: bytes, at: int) -> Any:
    count, at = _size(constructor, data, at)
    values = []
    is_array = constructor >= 0xE0
    inner = data[at]
    at += is_array
    for _ in range(count):
        value, at = _decode(inner, data, at) if is_array else decode(data, at)
        values.append(value)
    if constructor in {0xC1, 0xD1}:
        return dict(zip(values[::2], values[1::2], strict=True))
    return values


def sections(message: bytes) -> list[tuple[int, Any, bytes]]:
    """The sections of an encoded message: descriptor, value, and the bytes that both came from."""
    found = []
    at = 0
    while at < len(message):
        section, end = decode(message, at)
        found.append((section.descriptor, section.value, message[at:end]))
        at = end
    return found


def message(parts: Mapping[int, Any]) -> bytes:
    """A message of these sections."""
    return b"".join(encode(Described(descriptor, value)) for descriptor, value in parts.items())


def error(condition: str, description: str) -> Described:
    return Described(ERROR, [Symbol(condition), description, {}])


@dataclass(frozen=True, slots=True)
class Frame:
    """``code`` is 0 for the empty frame that keeps a connection alive."""

    channel: int
    code: int
    fields: list[Any]
    payload: bytes = b""

    def to_bytes(self, kind: int = 0) -> bytes:
        fields = [*self.fields, *[None] * (ARITY.get(self.code, 0) - len(self.fields))]
        body = encode(Described(self.code, fields)) + self.payload
        return struct.pack(">IBBH", len(body) + 8, 2, kind, self.channel) + body


def parse(header: bytes, rest: bytes) -> Frame:
    """The frame of these first eight octets and what follows them."""
    _, words, _, channel = struct.unpack(">IBBH", header)
    body = rest[words * 4 - 8 :]
    if not body:
        return Frame(channel, 0, [])
    performative, at = decode(body)
    missing = ARITY.get(performative.descriptor, 0) - len(performative.value)
    fields = [*performative.value, *[None] * missing]
    return Frame(channel, performative.descriptor, fields, body[at:])
