"""Redaction: the values of secrets taken out of texts and JSON, in whatever common encoding they stand.

A text is looked through as it is, and in its normal forms (``escapes.py``): so one needle finds a value in
any mixture of escapes, folded over lines or not. Base64, at its three alignments and in both alphabets, and
hexadecimal digits are needles of their own. What is found is mapped back to where it stood.

Nothing is compiled for a value. To look through 1 MiB takes 15 to 40 ms, whatever is in it (one secret; each
further one 1 ms), and only where something is found, the text is taken apart (200 ms).
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import quote_plus

import orjson

from shared.security.escapes import FORM_SPACE, mapped, normal, normal_forms

SHORTEST: Final = 4
"""Bytes of a value in normal form. Shorter ones stand anywhere: they cannot be redacted, and are not used."""
SHORTEST_WORD: Final = 16
"""Of a value of several lines, words that are as long are redacted by themselves, too: the lines of a key, or
what follows a name in a file of settings; but not the name, which ends in a colon."""
_BEGUN: Final = re.compile(rb"(?:%[0-9a-fA-F]?|&(?:\#[0-9]{0,6})?)$")


@dataclass(frozen=True, slots=True)
class _Needle:
    """What to look for; ``before`` and ``after`` say how many characters beside it know some of its bits."""

    sought: bytes = field(repr=False)
    name: str
    before: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class _Range:
    start: int
    end: int
    name: str


class Redactor:
    """Takes the values of secrets, by their names, out of whatever it is given; it is true if it has any.

    In place of a value stands its name: ``***API_TOKEN***``.
    """

    def __init__(self, secrets: Iterable[tuple[str, str]] = ()) -> None:
        self._plain: list[_Needle] = []
        self._dumped: list[_Needle] = []
        self._normal: list[_Needle] = []
        for name, value in dict.fromkeys(secrets):
            if is_redactable(value):
                self._add(name, value)

    def _add(self, name: str, value: str) -> None:
        self._plain.append(_Needle(value.encode(), name))
        self._dumped.append(_Needle(orjson.dumps(value)[1:-1], name))
        found: dict[bytes, _Needle] = {}
        for sought in map(_whole, _parts(value)):
            if len(sought) >= SHORTEST:
                found.setdefault(sought, _Needle(sought, name))
        for form in _forms(value):
            for needle in _encoded(form, name):
                found.setdefault(needle.sought, needle)
        self._normal += found.values()

    def __bool__(self) -> bool:
        return bool(self._plain or self._normal)

    def names_in(self, value: Any) -> list[str]:
        """The secrets whose values stand in this JSON, its keys included."""
        plain, normal = self._found(orjson.dumps(value), self._dumped) if self else ([], [])
        return sorted({needle.name for needle in plain + normal})

    def text(self, text: str) -> str:
        """``text`` with the names of secrets in place of their values."""
        if not self:
            return text
        data = text.encode("utf-8", "surrogatepass")
        plain, normal = self._found(data, self._plain)
        return _without(data, plain, normal).decode("utf-8", "replace") if plain or normal else text

    def json[T](self, value: T) -> T:
        """The same for all texts and keys in a JSON value; a number that has a value in it becomes a text.

        So does what is not JSON, and is otherwise left to whoever refuses it.
        """
        if not self:
            return value
        try:
            data = orjson.dumps(value)
        except TypeError:
            return cast("T", _walked(value, self.text))
        found = self._found(data, self._dumped)
        return cast("T", _walked(value, self._only(*found).text)) if any(found) else value

    def _only(self, dumped: Collection[_Needle], normal: list[_Needle]) -> "Redactor":
        """Whoever looks for what is there, and for nothing else: there may be many texts to look through."""
        fewer = Redactor()
        fewer._plain = [one for one, its in zip(self._plain, self._dumped, strict=True) if its in dumped]
        fewer._normal = normal
        return fewer

    def _found(self, data: bytes, plain: Iterable[_Needle]) -> tuple[list[_Needle], list[_Needle]]:
        """Which needles are in the text: of ``plain`` in it as it is, of the others in its normal form."""
        here = [needle for needle in plain if needle.sought in data]
        forms = list(normal_forms(data))
        return here, [needle for needle in self._normal if any(needle.sought in form for form in forms)]


def mark(name: str) -> str:
    """What stands in place of the secret's value."""
    return f"***{name}***"


def has_mark(text: str) -> bool:
    """Whether there is such a mark in it."""
    return re.search(r"\*\*\*\w{1,63}\*\*\*", text, re.ASCII) is not None


def is_mark(text: str) -> bool:
    """Whether this is no value but stands for one, as in a dry run, which is given none."""
    return re.fullmatch(r"\*\*\*\w{1,63}\*\*\*", text, re.ASCII) is not None


NOTHING: Final = Redactor()
"""Of an attempt that has no secrets."""


def is_redactable(value: str) -> bool:
    """Whether the value is long enough to be told from what stands anywhere."""
    return len(_whole(normal(value.encode()))) >= SHORTEST


def _parts(value: str) -> Iterator[bytes]:
    """What of a value is looked for in normal form: all of it, and the long words of its lines."""
    yield from normal_forms(value.encode())
    # A service that takes its bytes for Latin-1, or sends them as that.
    if not value.isascii():
        yield normal(value.encode().decode("latin-1").encode())
        yield normal(value.encode("latin-1", "ignore"))
    if "\n" in value or "\r" in value:
        for word in value.split():
            long = normal(word.encode())
            if len(long) >= SHORTEST_WORD and not long.endswith(b":"):
                yield long


def _whole(part: bytes) -> bytes:
    """``part`` without what begins an escape at its end: with what stands behind it, it may be one."""
    return _BEGUN.sub(b"", part)


def _forms(value: str) -> Iterator[bytes]:
    """What of a value may have been encoded as a whole: itself, or as a part of a JSON text or a form."""
    yield value.encode()
    yield orjson.dumps(value)[1:-1]
    yield quote_plus(value).encode()
    if not value.isascii():
        yield json.dumps(value)[1:-1].encode()
        yield value.encode("latin-1", "ignore")


def _encoded(form: bytes, name: str) -> Iterator[_Needle]:
    """Needles, in normal form, for where the bytes stand in base64 or in hexadecimal digits."""
    if len(form) < SHORTEST:
        return
    yield _Needle(form.hex().encode(), name)
    yield _Needle(form.hex().upper().encode(), name)
    for shift in range(3):
        first, last = -(-8 * shift // 6), 8 * (shift + len(form)) // 6
        core = b64encode(bytes(shift) + form)[first:last]
        before, after = int(shift > 0), int((shift + len(form)) % 3 > 0)
        yield _Needle(core.translate(FORM_SPACE), name, before, after)
        yield _Needle(core.translate(bytes.maketrans(b"+/", b"-_")), name, before, after)


def _walked(value: Any, clean: Callable[[str], str]) -> Any:
    match value:
        case str():
            return clean(value)
        case bool() | None:
            return value
        case Mapping():
            return _walked_fields(value, clean)
        case list() | tuple():
            return [_walked(item, clean) for item in value]
        case _:  # a number; or no JSON, which a log record may have, and which is written as its text
            text = str(value)
            return value if clean(text) == text else clean(text)


def _walked_fields(fields: Mapping[Any, Any], clean: Callable[[str], str]) -> dict[Any, Any]:
    walked: dict[Any, Any] = {}
    for key, item in fields.items():
        name = cleaned = clean(key) if isinstance(key, str) else key
        count = 1
        while name in walked:  # two keys may be one without what made them two
            count += 1
            name = f"{cleaned} ({count})"
        walked[name] = _walked(item, clean)
    return walked


def _without(data: bytes, plain: Iterable[_Needle], others: Collection[_Needle]) -> bytes:
    """The text without what these needles find."""
    ranges = [
        _Range(at, at + len(needle.sought), needle.name)
        for needle in plain
        for at in _places(data, needle.sought)
    ]
    for text, starts, ends in mapped(data) if others else ():
        for needle in others:
            for at in _places(text, needle.sought):
                first = max(at - needle.before, 0)
                last = min(at + len(needle.sought) + needle.after, len(text)) - 1
                ranges.append(_Range(starts[first], ends[last], needle.name))
    pieces: list[bytes] = []
    done = 0
    for found in _merged(ranges):
        pieces += data[done : found.start], mark(found.name).encode()
        done = found.end
    return b"".join([*pieces, data[done:]])


def _places(data: bytes, sought: bytes) -> Iterator[int]:
    at = data.find(sought)
    while at >= 0:
        yield at
        at = data.find(sought, at + len(sought))


def _merged(ranges: Iterable[_Range]) -> Iterator[_Range]:
    """What overlaps or touches, as one: under the name of the longest part."""
    current: _Range | None = None
    longest = 0
    for one in sorted(ranges, key=lambda one: (one.start, -one.end)):
        size = one.end - one.start
        if (
            current is None
            or one.start > current.end
            or (one.start == current.end and one.name != current.name)
        ):
            if current is not None:
                yield current
            current, longest = one, size
            continue
        name = one.name if size > longest else current.name
        current = _Range(current.start, max(current.end, one.end), name)
        longest = max(longest, size)
    if current is not None:
        yield current
