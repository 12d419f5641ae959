"""Evaluates expressions over a document as Cosmos DB does: three-valued, strict about types.

"Equality and comparison operators" and "Logical operators" of the query language reference: values of
different types compare as undefined, and so does anything with undefined; only true lets a document through.
"""

import operator
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tests.cosmos.sql import Call, Constant, Expression, Path


class Undefined:
    """Neither true nor false, nor any value."""


UNDEFINED = Undefined()

_TYPES: list[tuple[type | tuple[type, ...], str]] = [
    (Undefined, "undefined"),
    (type(None), "null"),
    (bool, "boolean"),
    ((int, float), "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
]


_PLACES: Mapping[type, int] = {
    one: place
    for place, (types, _) in enumerate(_TYPES)
    for one in (types if isinstance(types, tuple) else [types])
}


def type_of(value: Any) -> int:
    """The place of the value's type in the order in which ORDER BY has types."""
    return _PLACES[type(value)]


def _is(name: str) -> Callable[[Any], bool]:
    return lambda value: _TYPES[type_of(value)][1] == name


def equal(one: Any, other: Any) -> Any:
    """Deep equality; undefined for different types."""
    if type(one) is type(other) is str:  # as nearly always
        return one == other
    if isinstance(one, Undefined) or type_of(one) != type_of(other):
        return UNDEFINED
    if isinstance(one, list):
        return len(one) == len(other) and all(equal(a, b) is True for a, b in zip(one, other, strict=True))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[name], other[name]) is True for name in one)
    return bool(one == other)


_RANGES: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _range(name: str, one: Any, other: Any) -> Any:
    if type_of(one) != type_of(other) or isinstance(one, Undefined | list | dict):
        return UNDEFINED
    return one is other and "=" in name if one is None else _RANGES[name](one, other)


def _contains(text: Any, part: Any, ignore_case: Any = False) -> Any:
    if not isinstance(text, str) or not isinstance(part, str):
        return UNDEFINED
    return part.lower() in text.lower() if ignore_case else part in text


def _array_contains(array: Any, value: Any) -> Any:
    if not isinstance(array, list):
        return UNDEFINED
    return any(equal(element, value) is True for element in array)


def _replace(text: Any, old: Any, new: Any) -> Any:
    if not all(isinstance(each, str) for each in (text, old, new)):
        return UNDEFINED
    return text.replace(old, new)


def _not(value: Any) -> Any:
    return not value if isinstance(value, bool) else UNDEFINED


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "=": equal,
    "!=": lambda one, other: _not(equal(one, other)),
    "NOT": _not,
    "??": lambda one, other: other if isinstance(one, Undefined) else one,
    "IS_DEFINED": lambda value: not isinstance(value, Undefined),
    "IS_NULL": _is("null"),
    "IS_STRING": _is("string"),
    "IS_NUMBER": _is("number"),
    "IS_OBJECT": _is("object"),
    "CONTAINS": _contains,
    "ARRAY_CONTAINS": _array_contains,
    "REPLACE": _replace,
}


def evaluate(expression: Expression, document: Any) -> Any:
    return compiled(expression)(document)


def compiled(expression: Expression) -> Callable[[Any], Any]:
    """What evaluates it over a document, for those who ask of many."""
    match expression:
        case Constant(value):
            return lambda _: value
        case Path(names):
            return lambda document: value_at(document, names)
        case Call("AND", parts):
            return _all(parts, decisive=False)
        case Call("OR", parts):
            return _all(parts, decisive=True)
        case Call(name, parts):
            function = partial(_range, name) if name in _RANGES else _FUNCTIONS[name]
            arguments = [compiled(part) for part in parts]
            if len(arguments) == 2:
                first, second = arguments
                return lambda document: function(first(document), second(document))
            return lambda document: function(*(argument(document) for argument in arguments))


def _all(parts: tuple[Expression, ...], *, decisive: bool) -> Callable[[Any], Any]:
    conditions = [compiled(part) for part in parts]

    def evaluated(document: Any) -> Any:
        found: Any = not decisive
        for condition in conditions:
            value = condition(document)
            if value is decisive:
                return decisive
            if value is not (not decisive):
                found = UNDEFINED
        return found

    return evaluated


def value_at(document: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        if not isinstance(document, dict) or name not in document:
            return UNDEFINED
        document = document[name]
    return document
