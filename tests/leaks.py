"""Where the values of secrets could be: how others would write them down, and a search that undoes all that.

It shares nothing with ``shared/security/redaction.py``: it decodes whatever can be decoded, and looks.
"""

import ast
import base64
import binascii
import contextlib
import html
import json
import re
import shlex
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote, quote_plus, unquote_to_bytes

type Encoding = Callable[[str], str]


def _basic(value: str) -> str:
    return base64.b64encode(f"user:{value}".encode()).decode()


def _shifted(by: int) -> Encoding:
    return lambda value: base64.b64encode(b"x" * by + value.encode() + b"yz").decode()


def _percent_all(value: str) -> str:
    return "".join(f"%{byte:02x}" for byte in value.encode())


def _units(value: str) -> str:
    """As JSON with every character escaped."""
    units = value.encode("utf-16-be")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


def _json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


ENCODINGS: Final[Mapping[str, Encoding]] = {
    "plain": lambda value: value,
    "json": _json,
    "json in ASCII": lambda value: json.dumps(value)[1:-1],
    "json with escaped slashes": lambda value: json.dumps(value)[1:-1].replace("/", "\\/"),
    "json in json": lambda value: json.dumps(json.dumps({"value": value})),
    "all of it in JSON escapes": _units,
    "python": repr,
    "python bytes": lambda value: repr(value.encode()),
    "shell": shlex.quote,
    "html": html.escape,
    "html by numbers": lambda value: "".join(f"&#{ord(character)};" for character in value),
    "percent": lambda value: quote(value, safe=""),
    "percent in lower case": lambda value: re.sub(r"%..", lambda m: m[0].lower(), quote(value, safe="")),
    "percent, all of it": _percent_all,
    "percent twice": lambda value: quote(quote(value, safe=""), safe=""),
    "form": quote_plus,
    "path": lambda value: quote(value, safe="/"),
    "hex": lambda value: value.encode().hex(),
    "HEX": lambda value: value.encode().hex().upper(),
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64, unpadded": lambda value: base64.b64encode(value.encode()).decode().rstrip("="),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
    "base64 in lines": lambda value: base64.encodebytes(b"-" * 50 + value.encode() + b"-" * 50).decode(),
    "base64 of a user": _basic,
    "base64 behind one": _shifted(1),
    "base64 behind two": _shifted(2),
    "base64 of json": lambda value: base64.b64encode(json.dumps({"p": value}).encode()).decode(),
    "base64 in a form": lambda value: quote_plus(base64.b64encode(value.encode()).decode()),
    "folded": lambda value: "\r\n".join(value[at : at + 5] for at in range(0, len(value), 5)),
}


def leaks(data: bytes | str, values: Iterable[str], *, depth: int = 3) -> list[str]:
    """Which of the values stand somewhere in ``data``, in up to ``depth`` encodings of each other."""
    text = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    sought = {value: _bare(value.encode()) for value in values}
    views = {_bare(view) for view in _views(text, depth)}
    return [value for value, bare in sought.items() if any(bare in view for view in views)]


def _bare(text: bytes) -> bytes:
    """Without what folding and quoting put between characters."""
    return text.translate(None, b"\\\"'\r\n")


def _views(data: bytes, depth: int) -> Iterator[bytes]:
    yield data
    if depth:
        for decode in (_percents, _references, _escapes, _python, _base64, _hexadecimal, _compressed):
            for view in decode(data):
                if view and view != data:
                    yield from _views(view, depth - 1)


def _percents(data: bytes) -> Iterator[bytes]:
    if b"%" in data:
        yield unquote_to_bytes(data)
        yield unquote_to_bytes(data.replace(b"+", b" "))
    elif b"+" in data:
        yield data.replace(b"+", b" ")


def _references(data: bytes) -> Iterator[bytes]:
    if b"&" in data:
        yield html.unescape(data.decode("utf-8", "replace")).encode("utf-8", "surrogatepass")


def _escapes(data: bytes) -> Iterator[bytes]:
    """What stands in JSON's texts, read as JSON reads it."""
    if b"\\" in data:
        yield re.sub(rb'(?:\\(?:u[0-9a-fA-F]{4}|[nrtbf"/\\]))+', _unescaped, data)


def _unescaped(match: re.Match[bytes]) -> bytes:
    text: str = json.loads(b'"' + match[0] + b'"')
    return text.encode("utf-8", "replace")


def _python(data: bytes) -> Iterator[bytes]:
    found: list[bytes] = []
    for match in re.finditer(rb"b'(?:[^'\\]|\\.)*'|b\"(?:[^\"\\]|\\.)*\"", data):
        with contextlib.suppress(SyntaxError, ValueError):
            found.append(ast.literal_eval(match[0].decode()))
    yield _APART.join(found)


def _base64(data: bytes) -> Iterator[bytes]:
    joined = re.sub(rb"\r?\n|\\n", b"", data).translate(bytes.maketrans(b"-_", b"+/"))
    runs = dict.fromkeys(re.findall(rb"[A-Za-z0-9+/]{8,}", joined))
    for start in range(4):
        yield _APART.join(filter(None, (_decoded(run[start:]) for run in runs)))


def _decoded(run: bytes) -> bytes:
    whole = run[:-1] if len(run) % 4 == 1 else run
    return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))


def _hexadecimal(data: bytes) -> Iterator[bytes]:
    runs = dict.fromkeys(re.findall(rb"[0-9a-fA-F]{8,}", data))
    for start in (0, 1):
        yield _APART.join(bytes.fromhex(run[start:][: (len(run) - start) // 2 * 2].decode()) for run in runs)


def _compressed(data: bytes) -> Iterator[bytes]:
    """What large outputs are stored as."""
    for piece in data.split(_APART):
        if piece[:2] in {b"x\x01", b"x\x9c"}:
            with contextlib.suppress(zlib.error):
                yield zlib.decompressobj().decompress(piece)


_APART: Final = b"\0|\0"
"""What keeps decoded pieces from making one text together."""
