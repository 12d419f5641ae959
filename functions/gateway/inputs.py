"""What a request asks for, checked against the contract's models: every fault at once."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError

from functions.routes.route import Route
from quantum.contract.bulk import BulkFilter
from quantum.contract.executions import ExecutionQuery
from shared.domain.errors import BadRequestError, FieldError
from shared.domain.executions import ExecutionFilter
from shared.domain.pointers import pointer, pointer_along
from shared.domain.times import rfc3339

_CODES = {"missing": "REQUIRED", "extra_forbidden": "UNKNOWN", "too_long": "TOO_MANY"}
_MESSAGES = {
    "missing": "this is required",
    "extra_forbidden": "there is no such field",
    "model_type": "this should be a JSON object",  # pydantic's words name the class
    "dict_type": "this should be a JSON object",
}


def body(route: Route, value: Any) -> Any:
    """``value`` as the route's model.

    Raises:
        BadRequestError: it is not of that shape; each place is named.
    """
    assert route.body is not None  # only routes with a body read one
    return _validated(route.body, value, at="")


def query(route: Route, raw: bytes) -> Any:
    """The query string as the route's model, or None for a route without parameters.

    Raises:
        BadRequestError: a parameter is unknown, bad, or given twice where once is meant.
    """
    if not raw:
        return route.query() if route.query else None
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except ValueError as error:
        raise BadRequestError("The query string is not readable") from error
    values: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name, value in pairs:
        if name in route.repeatable:
            values.setdefault(name, []).append(value)
        elif name in values:
            errors.append(FieldError(pointer("query", name), "REPEATED", "give this parameter once"))
        else:
            values[name] = value
    if errors:
        raise BadRequestError("The query is not in the documented form", errors=errors)
    return _validated(route.query or _NoQuery, values, at="/query")


def execution_filter(given: ExecutionQuery | BulkFilter) -> ExecutionFilter:
    """Which executions a list or a bulk operation is about."""
    return ExecutionFilter(
        intent=given.intent,
        status=given.status,
        parent=given.parent,
        dry_run=given.dry_run,
        since=rfc3339(given.since) if given.since else None,
        until=rfc3339(given.until) if given.until else None,
    )


MAX_PARAMETERS = 64
"""Most query parameters that are looked at."""


class _NoQuery(BaseModel, extra="forbid"):
    """The query of a route that has none."""


def _validated(model: type[BaseModel], value: Any, *, at: str) -> BaseModel:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise BadRequestError(errors=[_field_error(fault, at) for fault in faults]) from error


def _field_error(fault: Mapping[str, Any], at: str) -> FieldError:
    place = pointer_along(at, [part for part in fault["loc"] if part != "[key]"])
    kind: str = fault["type"]
    code = _CODES.get(kind) or ("TYPE" if kind.endswith("_type") else "VALUE")
    message = _MESSAGES.get(kind) or fault["msg"].removeprefix("Value error, ")
    return FieldError(place, code, message)
