"""Errors as the wire has them: one table of statuses, one shape (RFC 9457)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import orjson
from azurefunctions.extensions.http.fastapi import Response

from shared.domain.errors import (
    ForbiddenError,
    QuantumError,
    QuotaExceededError,
    RateLimitedError,
    StillRunningError,
    UnauthenticatedError,
    UnavailableError,
)
from shared.domain.times import rfc3339

MEDIA_TYPE = "application/problem+json"
DOCS = "/api/v1/docs#"
"""Where each code is described; a problem's ``type`` is this and the code."""

MAX_RETRY_AFTER = 60
"""Seconds that a caller is sent away for at most, whatever a dependency asks for."""

STATUSES: Mapping[str, HTTPStatus] = {
    "BAD_REQUEST": HTTPStatus.BAD_REQUEST,
    "UNAUTHENTICATED": HTTPStatus.UNAUTHORIZED,
    "FORBIDDEN": HTTPStatus.FORBIDDEN,
    "TENANT_SUSPENDED": HTTPStatus.FORBIDDEN,
    "NOT_FOUND": HTTPStatus.NOT_FOUND,
    "METHOD_NOT_ALLOWED": HTTPStatus.METHOD_NOT_ALLOWED,
    "CONFLICT": HTTPStatus.CONFLICT,
    "IRREVERSIBLE": HTTPStatus.CONFLICT,
    "STALE": HTTPStatus.PRECONDITION_FAILED,
    "IF_MATCH_REQUIRED": HTTPStatus.PRECONDITION_REQUIRED,
    "TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "UNSUPPORTED_MEDIA_TYPE": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "VALIDATION_FAILED": HTTPStatus.UNPROCESSABLE_ENTITY,
    "NOT_EXECUTABLE": HTTPStatus.UNPROCESSABLE_ENTITY,
    "IDEMPOTENCY_KEY_REUSED": HTTPStatus.UNPROCESSABLE_ENTITY,
    "RATE_LIMITED": HTTPStatus.TOO_MANY_REQUESTS,
    "QUOTA_EXCEEDED": HTTPStatus.TOO_MANY_REQUESTS,
    "INTERNAL": HTTPStatus.INTERNAL_SERVER_ERROR,
    "UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The HTTP status of each error code."""


def is_ours(error: Exception) -> bool:
    """Whether the error says that the platform itself is broken; the log should then have all of it."""
    return not isinstance(error, QuantumError) or error.code == "INTERNAL"


def respond(error: Exception, *, path: str, request_id: str) -> Response:
    """The problem response for ``error``; of an unexpected one it tells nothing but the request id."""
    named = QuantumError() if is_ours(error) or not isinstance(error, QuantumError) else error
    status = STATUSES[named.code]
    body: dict[str, Any] = {
        "type": DOCS + named.code,
        "title": named.title,
        "status": status.value,
        "detail": named.message,
        "instance": path,
        "code": named.code,
        "request_id": request_id,
        "timestamp": rfc3339(datetime.now(UTC)),
    }
    if named.errors:
        body["errors"] = [place.to_json() for place in named.errors]
    if isinstance(named, ForbiddenError) and named.policies:
        body["policies"] = named.policies
    if isinstance(named, QuotaExceededError | RateLimitedError):
        body["violated_policies"] = named.violated
    return Response(orjson.dumps(body), status.value, _headers(named), MEDIA_TYPE)


def _headers(error: QuantumError) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, UnauthenticatedError):
        headers["WWW-Authenticate"] = 'Bearer realm="quantum"'
    if isinstance(error, UnavailableError | StillRunningError | QuotaExceededError) and error.retry_after:
        headers["Retry-After"] = str(min(max(error.retry_after, 1), MAX_RETRY_AFTER))
    if isinstance(error, RateLimitedError):
        headers["Retry-After"] = str(error.retry_after)  # no sooner will it be any good
    return headers
