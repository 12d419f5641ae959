"""What a pydantic model has against a value, in the words of our errors."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from shared.domain.errors import FieldError
from shared.domain.pointers import pointer_along


def model_errors(model: TypeAdapter[Any], value: Mapping[str, Any], at: str) -> Iterator[FieldError]:
    try:
        model.validate_python(value)
    except ValidationError as error:
        for item in error.errors(include_url=False, include_context=False, include_input=False):
            code = "TYPE" if item["type"].endswith("_type") else "VALUE"
            path = item["loc"]
            message = f"{'.'.join(map(str, path)) or 'it'}: {item['msg'][:1].lower()}{item['msg'][1:]}"
            yield FieldError(pointer_along(at, path), code, message)


def not_available(place: str, what: str) -> FieldError:
    return FieldError(place, "NOT_AVAILABLE", f"{what} is not available in this release")
