"""The parameters an intent declares, as a JSON Schema (2020-12), and the values given for them.

Some things are narrower than in JSON Schema at large, because tenants write schemas and values: a ``$ref``
reaches only the schema's own parts, never the network; regular expressions are those of our expression
language (``patterns.py``), never ones that backtrack; and a ``$schema`` in a part brings no other dialect.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from shared.domain.actions import did_you_mean
from shared.domain.dialect import EndlessError, TooLongError, counting, dialect
from shared.domain.errors import FieldError
from shared.domain.patterns import MOST_SECONDS, Matching, PatternError, size_of
from shared.domain.pointers import pointer_along

if TYPE_CHECKING:
    from jsonschema import ValidationError

ROOT: Final = "/parameters"
TYPES: Final = ("array", "boolean", "integer", "null", "number", "object", "string")
"""What a JSON Schema's ``type`` may be."""


def warm_up() -> None:
    """Import what the other two need, ahead of their first call: 0.1 s."""
    import referencing.exceptions  # noqa: F401 - for its effect; late for a quick cold start, as below

    dialect()


def schema_errors(schema: Mapping[str, Any], at: str) -> list[FieldError]:
    """What is wrong with the declared ``schema``, with pointers under ``at``."""
    reader = dialect()
    errors = [
        FieldError(pointer_along(at, list(error.absolute_path)), "SCHEMA", _told(error))
        for error in reader(reader.META_SCHEMA).iter_errors(dict(schema))
    ]
    if not errors and schema.get("type", "object") != "object":
        errors.append(
            FieldError(f"{at}/type", "SCHEMA", "what it describes is an object: its type is 'object'")
        )
    seconds = sum(size_of(pattern).seconds(0) for pattern in _patterns(schema))
    if seconds > MOST_SECONDS:
        message = (
            "its regular expressions may take too long to be read (each \\w, \\d or \\p counts as often as "
            "it is repeated): write [A-Za-z0-9_] for \\w, or repeat less"
        )
        return [*errors, FieldError(at, "TOO_LARGE", message)]
    return errors + list(_restrictions(schema, at))


def _told(error: "ValidationError") -> str:
    """What a schema's author should do; the library's words name the meta-schema's parts, not the mistake."""
    if list(error.absolute_path)[-1:] == ["type"] and isinstance(error.instance, str):
        known = ", ".join(TYPES)
        return f"{error.instance!r} is not a type; use one of {known}{did_you_mean(error.instance, TYPES)}"
    return error.message


def validate_parameters(
    schema: Mapping[str, Any] | None, values: Mapping[str, Any]
) -> tuple[dict[str, Any], list[FieldError]]:
    """``values`` completed with the schema's top-level defaults, and everything wrong with them.

    An intent that declares nothing takes any parameters.
    """
    if not schema:
        return dict(values), []
    properties: Mapping[str, Any] = schema.get("properties", {})
    defaults = {
        name: declared["default"]
        for name, declared in properties.items()
        if isinstance(declared, Mapping) and "default" in declared
    }
    completed = {**defaults, **values}
    errors = [
        FieldError(pointer_along(ROOT, path), code, message)
        for path, code, message in violations(schema, completed, of="the intent's parameter schema")
    ]
    return completed, errors


def violations(
    schema: Mapping[str, Any], values: Mapping[str, Any], *, of: str
) -> Iterator[tuple[list[str | int], str, str]]:
    """Everything that a schema without errors has against values: where, a code, and a message.

    It costs no more than is bounded, whatever both are. ``of`` is how messages name the schema.
    """
    # jsonschema and what it needs take 0.1 s to import, and most executions declare no parameters.
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    # A registry of its own: the default one would fetch a remote $ref.
    validator = dialect()(dict(schema), registry=Registry())
    try:
        with counting():
            for error in validator.iter_errors(values):
                yield from _found(error)
    except Unresolvable as error:
        yield [], "SCHEMA", f"{of} refers to {error.ref!r}, which it does not have"
    except (RecursionError, EndlessError):
        yield [], "SCHEMA", f"{of} refers to itself without an end"
    except TooLongError as error:
        yield [], "TOO_LARGE", str(error)


def _found(error: "ValidationError") -> Iterator[tuple[list[str | int], str, str]]:
    path = list(error.absolute_path)
    if error.validator == "required":
        missing = error.message.split("'")[1]
        yield [*path, missing], "REQUIRED", f"'{missing}' is required"
    elif error.validator == "additionalProperties" and error.validator_value is False:
        schema, given = cast("Mapping[str, Any]", error.schema), cast("Mapping[str, Any]", error.instance)
        known: Mapping[str, Any] = schema.get("properties", {})
        for name in sorted(given.keys() - known.keys()):
            yield [*path, name], "UNKNOWN_PARAMETER", f"there is no '{name}'{did_you_mean(name, known)}"
    else:
        yield path, "TYPE" if error.validator == "type" else "VALUE", error.message


def _patterns(schema: Any) -> Iterator[str]:
    """Every ``pattern`` in a schema."""
    match schema:
        case Mapping():
            for key, value in schema.items():
                if key == "pattern" and isinstance(value, str):
                    yield value
                yield from _patterns(value)
        case list():
            for item in schema:
                yield from _patterns(item)


def _restrictions(schema: Any, at: str) -> Iterator[FieldError]:
    """Remote references, and regular expressions that cannot be run in linear time."""
    match schema:
        case Mapping():
            for key, value in schema.items():
                place = pointer_along(at, [key])
                yield from _restriction(key, value, place)
                yield from _restrictions(value, place)
        case list():
            for index, item in enumerate(schema):
                yield from _restrictions(item, pointer_along(at, [index]))
        case _:
            pass


def _restriction(key: str, value: Any, place: str) -> Iterator[FieldError]:
    if key in {"$ref", "$dynamicRef"} and isinstance(value, str) and not value.startswith("#"):
        message = "a reference stays within this schema: it starts with '#'"
        yield FieldError(place, "SCHEMA", message)
    elif key == "patternProperties" and isinstance(value, Mapping):
        message = "patternProperties is not supported; declare the names under 'properties'"
        yield FieldError(place, "SCHEMA", message)
    elif key == "pattern" and isinstance(value, str):
        try:
            Matching().matches("", value)
        except PatternError as error:
            yield FieldError(place, "SCHEMA", f"{value!r} cannot be used: {error}")
