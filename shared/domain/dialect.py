"""The dialect of JSON Schema (2020-12) that tenants' schemas are read in: at a cost that is bounded.

It is the library's, but for this: regular expressions are those of our expression language (``patterns.py``),
items are told apart in linear time, a ``$schema`` in a part brings no other dialect, and whatever is done for
one set of values is counted. A few lines can ask for hours: branches in branches, for each of many values.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from shared.domain.canonical import canonical_json
from shared.domain.patterns import Matching, PatternError

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

MAX_REFERENCES: Final = 5000
"""How many a ``$ref`` may be followed for one set of values: two in each of thirty parts would be 2**30."""
MAX_WORK: Final = 1_000_000
"""What may be spent on one set of values: 10 for each keyword that is asked of one of them, about 10 µs, and
more for what is long."""
MAX_MESSAGE: Final = 500
"""Characters of what the library says of a value, which repeats the value."""

type Errors = Iterator["ValidationError"]


class TooLongError(Exception):
    """All of it together, for these values; the message says what."""


class EndlessError(Exception):
    """References were followed more often than any values are worth."""


@dataclass(slots=True)
class _Account:
    """What was spent on the values at hand."""

    work: int = 0
    followed: int = 0
    matching: Matching = field(default_factory=Matching)

    def spend(self, work: int) -> None:
        self.work += work
        if self.work > MAX_WORK:
            raise TooLongError(
                "to hold these values against the schema may take too long: simplify it, or give less"
            )


_account: ContextVar[_Account | None] = ContextVar("_account", default=None)
"""None: nobody counts."""


@contextmanager
def counting() -> Iterator[None]:
    """Within, what is done with one set of values is bounded.

    Whatever is more raises :class:`TooLongError` or :class:`EndlessError`.
    """
    _account.set(_Account())
    try:
        yield
    finally:
        _account.set(None)


@cache
def dialect() -> "type[Validator]":
    """The library's class for it, which takes 0.1 s to import."""
    # Imported late for a quick cold start: most executions declare no parameters.
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    known = Draft202012Validator.VALIDATORS
    own: Mapping[str, Callable[..., Any]] = {
        "enum": _compared(known["enum"]),
        "pattern": _pattern,
        "uniqueItems": _unique,
        "$ref": _counted(known["$ref"]),
        "$dynamicRef": _counted(known["$dynamicRef"]),
    }
    keywords = {name: _bounded(check) for name, check in {**known, **own}.items()}
    made: type[Validator] = extend(Draft202012Validator, keywords)  # type: ignore[no-untyped-call]
    made.evolve = _in_this_dialect  # type: ignore[method-assign, assignment]  # it may not be subclassed
    return made


def _pattern(_validator: Any, expression: str, instance: object, _schema: Any) -> Errors:
    from jsonschema import ValidationError  # loaded by then

    if not isinstance(instance, str):
        return
    account = _account.get()
    matching = account.matching if account else Matching()
    try:
        found = matching.matches(instance, expression)
    except PatternError as error:
        yield ValidationError(f"the pattern {expression!r} cannot be used: {error}")
        return
    if matching.excess:
        raise TooLongError("to match the schema's regular expressions with these values may take too long")
    if not found:
        yield ValidationError(f"{instance!r} does not match {expression!r}")


def _unique(_validator: Any, wanted: object, instance: object, _schema: Any) -> Errors:
    """As the library has it, in linear time."""
    from jsonschema import ValidationError  # as above

    if not wanted or not isinstance(instance, list):
        return
    spelled = [canonical_json(item) for item in instance]
    if (account := _account.get()) is not None:
        account.spend(sum(map(len, spelled)) // 8)
    if len(set(spelled)) < len(spelled):
        yield ValidationError("it has an item more than once")


def _compared(check: Callable[..., Any]) -> Callable[..., Errors]:
    """The check that compares a value with each of a list."""

    def compare(validator: Any, values: Any, instance: Any, schema: Any) -> Errors:
        if (account := _account.get()) is not None:
            account.spend(3 * _length(values))
        yield from check(validator, values, instance, schema) or ()

    return compare


def _counted(check: Callable[..., Any]) -> Callable[..., Errors]:
    """The check of a reference, which may be followed so often."""

    def follow(*given: Any) -> Errors:
        if (account := _account.get()) is not None:
            account.followed += 1
            if account.followed > MAX_REFERENCES:
                raise EndlessError
        yield from check(*given) or ()

    return follow


def _bounded(check: Callable[..., Any]) -> Callable[..., Errors]:
    """A keyword's check, of which no more is done than is bounded, with messages that are not too long."""

    def checked(validator: Any, value: Any, instance: Any, schema: Any) -> Errors:
        account = _account.get()
        if account is not None:
            account.spend(10 + _length(value) + _length(instance))
        for error in check(validator, value, instance, schema) or ():
            if account is not None:
                account.spend(len(error.message) // 16)
            if len(error.message) > MAX_MESSAGE:
                error.message = error.message[: MAX_MESSAGE - 1] + "…"
            yield error

    return checked


def _length(value: Any) -> int:
    return len(value) if isinstance(value, dict | list) else 0


def _in_this_dialect(validator: Any, **changes: Any) -> Any:
    """``validator`` with ``changes``; the library's own takes the dialect that a part's ``$schema`` names."""
    # attrs comes with jsonschema, and is imported as late.
    from attrs import fields

    kept = {one.alias: getattr(validator, one.name) for one in fields(type(validator)) if one.init}
    return type(validator)(**(kept | changes))
