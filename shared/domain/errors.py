"""Every error the platform names, in one tree.

::

    QuantumError
    ├── BadRequestError            the request is not the documented shape
    │   └── BadCursorError         a cursor that this platform did not make for this query
    ├── UnauthenticatedError       the token is refused (the reason is for the log only)
    ├── ForbiddenError             known resource, not permitted
    │   └── TenantSuspendedError   nothing is done for the members of this tenant now
    ├── NotFoundError              absent, or not the caller's to know about
    ├── MethodNotAllowedError
    ├── UnsupportedMediaTypeError
    ├── TooLargeError              a body or value over its limit
    ├── ConflictError              the name is taken, or the state does not allow it
    │   ├── StillRunningError      the same request is being done (Idempotency-Key)
    │   └── IrreversibleError      an irreversible action would be done again
    ├── StaleError                 the resource is not as If-Match says
    ├── IfMatchRequiredError
    ├── ValidationFailedError      well-formed, but it breaks a rule; every error at once
    │   └── NotExecutableError     this intent cannot be executed as it stands
    ├── KeyReusedError             another request had that Idempotency-Key
    ├── QuotaExceededError         there is as much already as there may be, or as many run as may
    ├── RateLimitedError           more requests than there may be in a time; Retry-After says when
    ├── UnavailableError           a dependency cannot serve now; try again
    └── DocumentError              what a conditional write found (never leaves the services)
        ├── DocumentExistsError
        ├── DocumentMissingError
        └── DocumentStaleError

``code`` is the stable name on the wire; the HTTP status of each is one table in
``functions/gateway/problems.py``. The message is written for the caller: it says what is wrong,
where, and what to do.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from shared.domain.causes import FAILING, Cause


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a text, in Unicode characters: ``line`` and ``column`` count from 1, ``offset`` from 0."""

    line: int
    column: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with an input: where (a JSON pointer), what (a stable code) and how to mend it.

    ``span`` is where in the text that the pointer leads to, if that is a language's.
    """

    pointer: str
    code: str
    message: str
    span: Span | None = field(default=None, kw_only=True)

    def to_json(self) -> dict[str, Any]:
        told = asdict(self)
        span = told.pop("span")
        return told | span if span else told


class QuantumError(Exception):
    """Something the platform can name went wrong."""

    code: ClassVar[str] = "INTERNAL"
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(self, message: str = "", *, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(message or self.title)
        self.message = message or self.title
        self.errors = tuple(errors)


class BadRequestError(QuantumError):
    code = "BAD_REQUEST"
    title = "The request is not in the documented form"


class BadCursorError(BadRequestError):
    title = "The cursor was not made by this list with this filter; leave it out to start from the beginning"


class UnauthenticatedError(QuantumError):
    """The caller's token is refused. ``reason`` goes to the log, never to the caller."""

    code = "UNAUTHENTICATED"
    title = "A valid bearer token of a member is needed"

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class ForbiddenError(QuantumError):
    code = "FORBIDDEN"
    title = "You are not permitted to do this"

    def __init__(self, message: str = "", *, policies: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.policies = tuple(policies)


class TenantSuspendedError(ForbiddenError):
    code = "TENANT_SUSPENDED"
    title = "Nothing is done for the members of this tenant now"


class NotFoundError(QuantumError):
    code = "NOT_FOUND"
    title = "There is no such resource"


class MethodNotAllowedError(QuantumError):
    code = "METHOD_NOT_ALLOWED"
    title = "This resource does not know that method"


class UnsupportedMediaTypeError(QuantumError):
    code = "UNSUPPORTED_MEDIA_TYPE"
    title = "Send the body as application/json or application/yaml"


class TooLargeError(QuantumError):
    code = "TOO_LARGE"
    title = "The request body is too large"


class ConflictError(QuantumError):
    code = "CONFLICT"
    title = "The resource's present state does not allow this"


class StillRunningError(ConflictError):
    """``retry_after`` is in seconds."""

    title = "A request with this Idempotency-Key is being done; send it again for its answer"
    retry_after = 1


class IrreversibleError(ConflictError):
    code = "IRREVERSIBLE"
    title = "An irreversible action was begun before, and is not repeated without being asked for"


class KeyReusedError(QuantumError):
    code = "IDEMPOTENCY_KEY_REUSED"
    title = "This Idempotency-Key came with another request before; a new request needs a new key"


class StaleError(QuantumError):
    code = "STALE"
    title = "It was changed meanwhile: get it again, and send the ETag that it has now as If-Match"


class IfMatchRequiredError(QuantumError):
    code = "IF_MATCH_REQUIRED"
    title = "Send the ETag of the state that you change as If-Match, so that nobody's change is overwritten"


class ValidationFailedError(QuantumError):
    code = "VALIDATION_FAILED"
    title = "The input breaks a rule; every place is listed under errors"


class NotExecutableError(ValidationFailedError):
    code = "NOT_EXECUTABLE"
    title = "This intent cannot be executed as it stands"


class QuotaExceededError(QuantumError):
    """``violated`` names the limits that are reached.

    ``retry_after`` is in seconds; None: waiting does not help, something must be given up first.
    """

    code = "QUOTA_EXCEEDED"
    title = "There is no more of this at a time"

    def __init__(
        self, message: str = "", *, violated: Sequence[str] = (), retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.violated = tuple(violated)
        self.retry_after = retry_after


class RateLimitedError(QuantumError):
    """``violated`` names the limits that refuse the request; ``retry_after`` is in seconds."""

    code = "RATE_LIMITED"
    title = "You have sent more requests than you may in this time; Retry-After says when to send the next"

    def __init__(self, message: str = "", *, violated: Sequence[str], retry_after: int) -> None:
        super().__init__(message)
        self.violated = tuple(violated)
        self.retry_after = retry_after


class UnavailableError(QuantumError):
    """A store or service cannot answer now. ``retry_after`` is in seconds; ``cause`` is for operators."""

    code = "UNAVAILABLE"
    title = "The platform cannot serve this now; nothing was changed; try again shortly"

    def __init__(self, message: str = "", *, retry_after: int = 1, cause: Cause = FAILING) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.cause = cause


class DocumentError(QuantumError):
    """A conditional write lost. ``index`` is the operation of the transaction that did."""

    def __init__(self, message: str, *, index: int = 0) -> None:
        super().__init__(message)
        self.index = index


class DocumentExistsError(DocumentError):
    """A document with that id is in the partition already."""


class DocumentMissingError(DocumentError):
    """There is no document with that id in the partition."""


class DocumentStaleError(DocumentError):
    """The document is not as the condition (etag, expected fields) says."""
