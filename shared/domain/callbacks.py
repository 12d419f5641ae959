"""Callbacks: something outside says what a step waits for, once, at an address that only it was told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

import orjson

from shared.domain.canonical import content_hash
from shared.domain.errors import FieldError, ValidationFailedError

HIDDEN: Final = b"(the callback)"
"""What answers have in place of the end of an address."""

type CallbackStatus = Literal["open", "answered", "expired"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said; ``error`` is ``{"code", "message"}`` of what has failed."""

    status: Literal["completed", "failed"]
    outputs: Mapping[str, Any]
    error: Mapping[str, str] | None = None

    def require_whole(self) -> None:
        """Let pass what has completed, with outputs, or failed, with an error.

        Raises:
            ValidationFailedError: it is a mixture.
        """
        if self.status == "failed" and self.error is None:
            raise ValidationFailedError(errors=[FieldError("/error", "REQUIRED", "say why it failed")])
        if self.status == "completed" and self.error is not None:
            told = "what has completed has no error; give its status as 'failed', or leave the error out"
            raise ValidationFailedError(errors=[FieldError("/error", "VALUE", told)])
        if self.status == "failed" and self.outputs:
            told = "what has failed has no outputs; put what there is to say into the error's message"
            raise ValidationFailedError(errors=[FieldError("/outputs", "VALUE", told)])

    def without(self, token: str) -> "Answer":
        """The answer with the end of its own address hidden: some services say what they were asked."""
        text = orjson.dumps(self.to_json()).replace(token.encode(), HIDDEN)
        return Answer(**orjson.loads(text))

    def to_json(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "outputs": dict(self.outputs),
            "error": dict(self.error) if self.error else None,
        }

    @property
    def hash(self) -> str:
        """Equal answers, equal hashes."""
        return content_hash(self.to_json())


@dataclass(frozen=True, slots=True)
class Opened:
    """Where one can be called back, and until when."""

    address: str = field(repr=False)
    until: datetime


@dataclass(frozen=True, slots=True)
class Callback:
    """How a callback stands; once it is not open any more, it stays so."""

    status: CallbackStatus
    until: datetime
    answer: Answer | None = None
