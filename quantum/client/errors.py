"""Every error of the client, in one tree.

::

    QuantumError
    ├── ApiError                     the platform refused; `code`, `status`, `problem`, `request_id` say why
    │   ├── BadRequestError          BAD_REQUEST
    │   ├── UnauthenticatedError     UNAUTHENTICATED: sign in again
    │   ├── ForbiddenError           FORBIDDEN: `problem.policies` names what decided
    │   │   └── TenantSuspendedError TENANT_SUSPENDED
    │   ├── NotFoundError            NOT_FOUND
    │   ├── MethodNotAllowedError    METHOD_NOT_ALLOWED
    │   ├── ConflictError            CONFLICT
    │   │   └── IrreversibleError    IRREVERSIBLE
    │   ├── StaleError               STALE: it has changed since the `ETag` that was sent
    │   ├── IfMatchRequiredError     IF_MATCH_REQUIRED
    │   ├── TooLargeError            TOO_LARGE
    │   ├── UnsupportedMediaTypeError  UNSUPPORTED_MEDIA_TYPE
    │   ├── ValidationFailedError    VALIDATION_FAILED: `problem.errors` names every place
    │   │   └── NotExecutableError   NOT_EXECUTABLE
    │   ├── KeyReusedError           IDEMPOTENCY_KEY_REUSED
    │   ├── RateLimitedError         RATE_LIMITED: `retry_after` says when to come back
    │   ├── QuotaExceededError       QUOTA_EXCEEDED
    │   ├── UnavailableError         UNAVAILABLE
    │   └── InternalError            INTERNAL
    ├── UnreachableError             no answer came, however often it was asked
    ├── UnexpectedAnswerError        what came is not what this release knows: another's, or a later release's
    ├── SignInError                  no token could be had
    ├── WaitTimeoutError             the time to wait is over; the execution goes on
    └── ExecutionFailedError         an execution came to a bad end; `execution` has all of it

`code` is stable. A code that this release does not know is an :class:`ApiError`.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from quantum.contract.problems import Problem

if TYPE_CHECKING:  # its models take longer to make than most programs run
    from quantum.contract.executions import Execution


class QuantumError(Exception):
    """The root of all of them."""


class UnreachableError(QuantumError):
    """No answer came."""


class UnexpectedAnswerError(QuantumError):
    """An answer came that this release cannot read."""


class SignInError(QuantumError):
    """No token could be had; the message says why, and what to do."""


class WaitTimeoutError(QuantumError):
    """The time to wait is over. Nothing was stopped."""


class ExecutionFailedError(QuantumError):
    """An execution ended otherwise than completed."""

    def __init__(self, execution: "Execution") -> None:
        error = execution.error or {}
        place = f" in step {error['step']}" if error.get("step") else ""
        why = error.get("message", "no reason was recorded")
        super().__init__(f"{execution.execution_id} {execution.status}{place}: {why}")
        self.execution = execution


class ApiError(QuantumError):
    """The platform refused, for the reason that `problem` has in full."""

    codes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, problem: Problem, *, retry_after: float | None = None, body: bytes = b"") -> None:
        super().__init__(_told(problem))
        self.problem = problem
        self.retry_after = retry_after
        """Seconds after which asking again may help, if the platform said so."""
        self.body = body
        """The answer as it came."""

    @property
    def code(self) -> str:
        return self.problem.code

    @property
    def status(self) -> int:
        return self.problem.status

    @property
    def request_id(self) -> str:
        """Quote it when you ask for help."""
        return self.problem.request_id


class BadRequestError(ApiError):
    codes = ("BAD_REQUEST",)


class UnauthenticatedError(ApiError):
    codes = ("UNAUTHENTICATED",)


class ForbiddenError(ApiError):
    codes = ("FORBIDDEN",)


class TenantSuspendedError(ForbiddenError):
    codes = ("TENANT_SUSPENDED",)


class NotFoundError(ApiError):
    codes = ("NOT_FOUND",)


class MethodNotAllowedError(ApiError):
    codes = ("METHOD_NOT_ALLOWED",)


class ConflictError(ApiError):
    codes = ("CONFLICT",)


class IrreversibleError(ConflictError):
    codes = ("IRREVERSIBLE",)


class StaleError(ApiError):
    codes = ("STALE",)


class IfMatchRequiredError(ApiError):
    codes = ("IF_MATCH_REQUIRED",)


class TooLargeError(ApiError):
    codes = ("TOO_LARGE",)


class UnsupportedMediaTypeError(ApiError):
    codes = ("UNSUPPORTED_MEDIA_TYPE",)


class ValidationFailedError(ApiError):
    codes = ("VALIDATION_FAILED",)


class NotExecutableError(ValidationFailedError):
    codes = ("NOT_EXECUTABLE",)


class KeyReusedError(ApiError):
    codes = ("IDEMPOTENCY_KEY_REUSED",)


class RateLimitedError(ApiError):
    codes = ("RATE_LIMITED",)


class QuotaExceededError(ApiError):
    codes = ("QUOTA_EXCEEDED",)


class UnavailableError(ApiError):
    codes = ("UNAVAILABLE",)


class InternalError(ApiError):
    codes = ("INTERNAL",)


def _tree(kind: type[ApiError]) -> Iterator[type[ApiError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


BY_CODE: Mapping[str, type[ApiError]] = {code: kind for kind in _tree(ApiError) for code in kind.codes}


def refused(problem: Problem, *, retry_after: float | None = None, body: bytes = b"") -> ApiError:
    """The error of a problem, by its code."""
    return BY_CODE.get(problem.code, ApiError)(problem, retry_after=retry_after, body=body)


def _told(problem: Problem) -> str:
    places = [f"\n  {error.pointer}: {error.message}" for error in problem.errors]
    return f"{problem.code}: {problem.detail}{''.join(places)}"
