"""What a pydantic model has against a value, in the words of our errors."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from shared.domain.errors import FieldError
from shared.domain.pointers import pointer_along

MAX_PLACES: Final = 20
"""So many places are told in one message."""


def model_errors(model: TypeAdapter[Any], value: Mapping[str, Any], at: str) -> Iterator[FieldError]:
    try:
        model.validate_python(value)
    except ValidationError as error:
        for item in error.errors(include_url=False, include_context=False, include_input=False):
            code = "TYPE" if item["type"].endswith("_type") else "VALUE"
            path = item["loc"]
            message = f"{'.'.join(map(str, path)) or 'it'}: {item['msg'][:1].lower()}{item['msg'][1:]}"
            yield FieldError(pointer_along(at, path), code, message)


def places(error: ValidationError, root: str) -> str:
    """Every place that does not fit, and why, in one line; ``root`` names the value itself."""
    found = [
        f"{'.'.join(map(str, item['loc'])) or root}: {item['msg'][:1].lower()}{item['msg'][1:]}"
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    more = len(found) - MAX_PLACES
    return "; ".join(found[:MAX_PLACES]) + (f"; and {more} more" if more > 0 else "")
