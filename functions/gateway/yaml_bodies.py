"""Request bodies in YAML (RFC 9512): one document that says what a JSON body could have said.

The values are those of YAML 1.2's core schema (yaml.org/spec/1.2.2, section 10.3), so ``no`` and ``on`` are
texts. What JSON cannot say is refused: tags, keys that are no texts, a key twice, numbers without an end.
The parser is libyaml's, which hands out one event after the other: nothing is built of what is refused.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml.error import Mark

from shared.domain.errors import BadRequestError

MAX_DEPTH: Final = 64
"""Deepest nesting, as of a JSON body: the parser's time grows with the square of the depth."""
MAX_ANCHORS: Final = 200

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_BASES: Final = {"0x": 16, "0o": 8}


def parse(text: str, *, limit: int) -> Any:
    """The value in ``text``; what its aliases repeat counts towards the ``limit`` in characters too.

    Raises:
        BadRequestError: it is not YAML, or not of the kind that is taken; the message says where.
    """
    try:
        return _Reader(limit).read(yaml.parse(text, Loader=yaml.CSafeLoader))
    except yaml.MarkedYAMLError as error:
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        raise _refused(reason, error.problem_mark or error.context_mark) from error
    except yaml.YAMLError as error:
        raise BadRequestError(f"The body is not YAML: {str(error).partition(chr(10))[0]}") from error


@dataclass(slots=True)
class _Collection:
    """A mapping or a sequence that is being read."""

    value: dict[str, Any] | list[Any]
    anchor: str | None
    began: int
    """What had been read when it began."""
    key: str | None = None
    """Of the value that comes next in a mapping."""

    def put(self, value: Any, event: yaml.Event) -> None:
        if isinstance(self.value, list):
            self.value.append(value)
        elif self.key is None:
            self.key = _key(value, self.value, event)
        else:
            self.value[self.key] = value
            self.key = None


@dataclass(slots=True)
class _Reader:
    limit: int
    size: int = 0
    """Characters and values read so far, those that aliases repeat among them."""
    open: list[_Collection] = field(default_factory=list[_Collection])
    anchors: dict[str, tuple[Any, int]] = field(default_factory=dict[str, tuple[Any, int]])
    """What stands at each anchor, and its size."""
    documents: int = 0
    result: Any = None

    def read(self, events: Iterator[yaml.Event]) -> Any:
        for event in events:
            self._take(event)
        return self.result

    def _take(self, event: yaml.Event) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise _refused("a second document begins; send one", event.start_mark)
            case yaml.ScalarEvent():
                value = _scalar(event)
                self._grow(len(event.value) + 1, event)
                self._remember(event.anchor, value, len(event.value) + 1, event)
                self._put(value, event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._begin(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                done = self.open.pop()
                self._remember(done.anchor, done.value, self.size - done.began, event)
                self._put(done.value, event)
            case yaml.AliasEvent():
                if event.anchor not in self.anchors:
                    raise _refused(f"nothing before it is called &{event.anchor}", event.start_mark)
                value, size = self.anchors[event.anchor]
                self._grow(size, event)
                self._put(value, event)

    def _begin(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        _require_no_tag(event)
        if len(self.open) == MAX_DEPTH:
            raise _refused(f"it is nested deeper than {MAX_DEPTH} levels", event.start_mark)
        self._grow(1, event)
        value: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self.open.append(_Collection(value, event.anchor, self.size - 1))

    def _grow(self, size: int, event: yaml.Event) -> None:
        self.size += size
        if self.size > self.limit:
            raise _refused(
                f"with what aliases repeat it has more than {self.limit} characters", event.start_mark
            )

    def _remember(self, anchor: str | None, value: Any, size: int, event: yaml.Event) -> None:
        if anchor is not None:
            self.anchors[anchor] = (value, size)
            if len(self.anchors) > MAX_ANCHORS:
                raise _refused(f"it has more than {MAX_ANCHORS} anchors", event.start_mark)

    def _put(self, value: Any, event: yaml.Event) -> None:
        if self.open:
            self.open[-1].put(value, event)
        else:
            self.result = value


def _scalar(event: yaml.ScalarEvent) -> Any:
    """The value of a scalar: a text if it is in quotes or a block, else what the core schema makes of it."""
    _require_no_tag(event)
    text: str = event.value
    if event.style or not event.implicit[0]:  # libyaml calls the plain style ''
        return text
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in "+-.0123456789":
        return text
    return _number(text, event)


def _number(text: str, event: yaml.ScalarEvent) -> Any:
    if _INTEGER.fullmatch(text):
        if len(text) > 32:
            raise _refused(f"the number {text[:32]}… is out of range", event.start_mark)
        return int(text, _BASES.get(text[:2], 10))
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise _refused(f"the number {text[:40]} is out of range", event.start_mark)
        return number
    if _NO_NUMBER.fullmatch(text):
        raise _refused(f"{text} is not a JSON value", event.start_mark)
    return text


def _key(value: Any, mapping: dict[str, Any], event: yaml.Event) -> str:
    if not isinstance(value, str):
        shown = "a list or a mapping" if isinstance(value, dict | list) else repr(value)
        raise _refused(f"a key is a text, not {shown}; put it in quotes", event.start_mark)
    if value in mapping:
        raise _refused(f"the key {value[:80]!r} stands twice in one mapping", event.start_mark)
    if value == "<<" and isinstance(event, yaml.ScalarEvent) and not event.style:
        raise _refused("YAML 1.2 has no merge keys ('<<'); write the keys out", event.start_mark)
    return value


def _require_no_tag(event: yaml.NodeEvent) -> None:
    tag = getattr(event, "tag", None)
    if tag is not None:
        raise _refused(f"the tag {str(tag)[:40]!r} is not taken; leave it out", event.start_mark)


def _refused(reason: str, mark: Mark | Any | None) -> BadRequestError:
    where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return BadRequestError(f"The body is not YAML that can be taken: {reason}{where}")
