"""What an endpoint answers, made into what an attempt came to.

Every answer is JSON: 200 with ``outputs`` or an ``error``, and 202 for what goes on elsewhere. Anything else
is an error that says what was wrong with it, so that whoever keeps the module can mend it.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.domain.models import places
from shared.modules.http_answers import MAX_RETRY_AFTER
from shared.ports.actions import ActionError

type Operation = Literal["run", "poll", "cancel", "dry_run"]

RETRYABLE: Final = frozenset({408, 425, 429})
"""Beside 5xx, the statuses after which another attempt may succeed."""
CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
POLL_EVERY: Final = 5.0
LONGEST_DELAY: Final = 3600.0
_TOLERANT: Final = ConfigDict(strict=True, extra="ignore", frozen=True)
"""Later releases may say more."""


class Failure(BaseModel):
    """That the attempt has failed."""

    model_config = _TOLERANT

    code: str = Field(pattern=f"^{CODE.pattern}$")
    message: str = Field(min_length=1, max_length=100_000)
    retryable: bool = False
    retry_after: Annotated[float, Field(ge=0, le=MAX_RETRY_AFTER)] = 0

    def error(self) -> ActionError:
        return ActionError(self.code, self.message, retryable=self.retryable, retry_after=self.retry_after)


class Done(BaseModel):
    """A 200: what it came to, or why it failed; of a dry run, what it would do."""

    model_config = _TOLERANT

    outputs: dict[str, Any] | None = None
    error: Failure | None = None
    would: dict[str, Any] | None = None
    unknown: list[str] | None = None


class Polled(BaseModel):
    """When to ask again, and what to say then."""

    model_config = _TOLERANT

    after: Annotated[float, Field(gt=0, le=LONGEST_DELAY)] = POLL_EVERY
    token: Any = None


class Accepted(BaseModel):
    """A 202: it goes on, and is to be polled; or, without that, it calls back."""

    model_config = _TOLERANT

    poll: Polled | None = None


def parsed[Model: BaseModel](model: type[Model], body: Any, place: str) -> Model:
    """The answer as the model.

    Raises:
        ActionError: it is not of that form.
    """
    if not isinstance(body, Mapping):
        raise unfit(f"{place} answered with what is not a JSON object")
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise unfit(f"{place} answered with what the contract has not: {places(error, 'it')}") from error


def unfit(message: str) -> ActionError:
    """That an answer is none; to ask again would bring the same."""
    return ActionError("MODULE_ANSWER", message, retryable=False)


def refused(status: int, place: str, retry_after: float) -> ActionError:
    """What a status means that is neither 200 nor 202."""
    if status >= 500 or status in RETRYABLE:
        message = f"{place} answered {status}"
        return ActionError("MODULE_UNAVAILABLE", message, retryable=True, retry_after=retry_after)
    if 300 <= status < 400:
        message = f"{place} answered {status}: redirects are not followed; register where it leads"
        return ActionError("MODULE_REDIRECT", message, retryable=False)
    return ActionError("MODULE_REFUSED", f"{place} answered {status}", retryable=False)
