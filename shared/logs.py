"""Which request, tenant and execution a log line is about, and log lines as JSON.

The ids belong to the task: whoever begins to serve something says what with :func:`about`, and every record
that is logged meanwhile, by whatever module, has them (:func:`identify`): behind its message, where only text
is kept, as the Functions host does with the lines of a worker, and as fields where there are fields.

So do the secrets that are at hand while something is done (:class:`hiding`): no record that is made meanwhile
has one, of whatever module it is, nor has telemetry.
"""

import json
import logging
import traceback
from collections.abc import Mapping
from contextvars import ContextVar, Token
from datetime import UTC, datetime
from types import MappingProxyType, TracebackType
from typing import Any, Final

from shared.domain.times import rfc3339
from shared.security.redaction import NOTHING, Redactor

_ids: ContextVar[Mapping[str, str]] = ContextVar("ids", default=MappingProxyType({}))
_redactor: ContextVar[Redactor] = ContextVar("redactor", default=NOTHING)

_OWN: Final = {"ids", "redactor"}
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"} | _OWN
"""What every record has; what else is there was given as ``extra``."""


class about:  # noqa: N801 - a context manager, which reads as a word
    """Have the records of the block carry ``ids``, beside those that they carry already."""

    __slots__ = ("_added", "_token")

    def __init__(self, **ids: str) -> None:
        self._added = ids
        self._token: Token[Mapping[str, str]] | None = None

    def __enter__(self) -> None:
        self._token = _ids.set({**_ids.get(), **self._added})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._token is not None
        _ids.reset(self._token)


def add(**ids: str) -> None:
    """More ids for the rest of the block of :class:`about` that this is in."""
    _ids.set({**_ids.get(), **ids})


class hiding:  # noqa: N801 - as above
    """Have nothing that is logged or told to telemetry in the block have what ``redactor`` takes away."""

    __slots__ = ("_redactor", "_token")

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._token: Token[Redactor] | None = None

    def __enter__(self) -> None:
        self._token = _redactor.set(self._redactor)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._token is not None
        _redactor.reset(self._token)


def hidden[T](value: T) -> T:
    """``value``, which is JSON, without what the block that this is in hides."""
    return _redactor.get().json(value)


class IdentifiedRecord(logging.LogRecord):
    """A log record with the ids of the task that logs it, and without the secrets that it hides."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ids = _ids.get()
        self.redactor = _redactor.get()
        if self.redactor:
            self._hide()

    def _hide(self) -> None:
        """Make the texts now, from which handlers may take what they want."""
        try:
            text = message_of(self)
        except (TypeError, ValueError, KeyError):  # to be told of that, handlers would tell its arguments
            text = f"a message that cannot be put together: {self.msg!r}"
        self.msg, self.args = self.redactor.text(text), ()
        if self.exc_info and self.exc_info[0] is not None:
            told = "".join(traceback.format_exception(*self.exc_info)).rstrip("\n")
            if (cleaned := self.redactor.text(told)) != told:
                self.exc_info, self.exc_text = None, cleaned

    def getMessage(self) -> str:  # noqa: N802 - logging's own name
        """The message with the ids behind it."""
        text = super().getMessage()
        return (
            f"{text} {' '.join(f'{name}={value}' for name, value in self.ids.items())}" if self.ids else text
        )


def identify() -> None:
    """Make every log record of this process an :class:`IdentifiedRecord`."""
    logging.setLogRecordFactory(IdentifiedRecord)


def message_of(record: logging.LogRecord) -> str:
    """The record's message alone."""
    return logging.LogRecord.getMessage(record)


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """The record's ids and whatever else was given beside its message."""
    extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    redactor: Redactor = getattr(record, "redactor", NOTHING)
    return {**getattr(record, "ids", {}), **redactor.json(extra)}


class JsonLines(logging.Formatter):
    """One JSON object a line: ``time``, ``level``, ``logger``, ``message``, the fields, and ``exception``."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": rfc3339(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "logger": record.name,
            "message": message_of(record),
            **fields_of(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        elif record.exc_text:
            line["exception"] = record.exc_text
        return json.dumps(line, default=str, ensure_ascii=False)
