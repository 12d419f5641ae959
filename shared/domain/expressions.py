"""Expressions in definitions: ``${{ … }}`` in a step's parameters and the bare ``when``, in CEL.

CEL (https://cel.dev) always ends (``effort`` bounds when), has no side effects and cannot leave its names:
``parameters``, ``target``, ``steps.<id>.outputs``, ``steps.<id>.status`` and ``execution``. A text that is
exactly one ``${{ }}`` yields the expression's value with its type; otherwise values are put into the text.

``${{ secrets.NAME }}`` is the value of a secret, and nothing can be done with it: CEL never sees one.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final, Protocol, cast

from shared.domain import effort
from shared.domain.engine import native
from shared.domain.patterns import Matching
from shared.domain.pointers import pointer
from shared.domain.reach import MISSING, Reach, follow, reach_of
from shared.domain.templates import (
    StepAccess,
    TemplateError,
    has_template,
    name_parameters,
    name_steps,
    secret_of,
    split,
    start_of,
)
from shared.domain.times import rfc3339

NAMES: Final = frozenset({"parameters", "target", "steps", "execution"})
ITEM: Final = "item"
"""What the parameters of a step with ``foreach`` may name besides."""
FIELDS: Final = frozenset({"outputs", "status"})
"""What a step has in an expression."""
SECRETS: Final = "secrets"
"""What those parameters may name besides that an action keeps for itself."""
FUNCTIONS: Final = frozenset(
    {
        *("size", "contains", "startsWith", "endsWith", "matches"),
        *("string", "int", "uint", "double", "bytes", "type", "dyn", "timestamp", "duration"),
        *("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"),
        *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
    }
)
MAX_LENGTH: Final = 4000
"""The longest expression, in characters."""
MAX_REASON: Final = 500
"""Characters of what the library says: it may quote a value."""
PROGRAMS_KEPT: Final = 4096
"""Compiled expressions that a process keeps."""

_BOUND: Final = re.compile(r"\.\s*(?:map|filter|all|exists|exists_one)\s*\(\s*([A-Za-z_]\w*)\s*,")

_MATCHES: Final = re.compile(r"\bmatches(?=\s*\()")
_COUNTED: Final = "Matches"
"""What counts before it matches; as long as the other, so that places stay."""

_MESSAGE: Final = re.compile(r"(?<![\w.])(?!in\b)([A-Za-z_][\w.]*)\s*\{")
"""A message of protocol buffers, which the language has and this platform has not."""


class ExpressionError(ValueError):
    """An expression that cannot be read or evaluated; the message names it and its place, and says why."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(source, reason)
        self.source = source
        self.reason = reason
        self._path: list[str | int] = []
        self._character = 0

    def within(self, key: str | int) -> "ExpressionError":
        """The same, told from outside: the expression stands in the part ``key`` of something."""
        self._path.insert(0, key)
        return self

    def behind(self, characters: int) -> "ExpressionError":
        """The same: the expression stands behind so many characters of a text."""
        self._character = characters + 1
        return self

    def __str__(self) -> str:
        place = f" at {pointer(*self._path)}" if self._path else ""
        character = f", character {self._character}" if self._character > 1 else ""
        return f"expression '{_shortened(self.source)}'{place}{character}: {self.reason}"


class _Program(Protocol):
    """``cel.Program`` of the package common-expression-language."""

    def execute(self, context: Mapping[str, Any]) -> Any: ...

    def references(self) -> dict[str, list[str]]: ...


@dataclass(frozen=True, slots=True)
class Use:
    """What one expression names, for whoever checks a definition."""

    accesses: tuple[StepAccess, ...]
    parameters: tuple[str | None, ...]
    """The parameters it names; None where it may take any of them."""
    unknown: tuple[str, ...]
    """Variables that are none of :data:`NAMES`."""
    functions: tuple[str, ...]
    """Functions that are none of :data:`FUNCTIONS`."""
    variables: frozenset[str]
    """The variables it names, but for those of its own macros; without any, its value is always the same."""
    secret: str | None = None
    """The secret that it is."""

    @property
    def constant(self) -> bool:
        return not self.variables


def condition(source: str, names: Mapping[str, Any]) -> bool:
    """Whether the bare expression ``source`` (a ``when``) holds.

    Raises:
        ExpressionError: it cannot be evaluated, or its value is neither true nor false.
    """
    try:
        return _truth(source, evaluate(bare_source(source), names))
    except ExpressionError as error:
        raise error.within("when") from error


def _truth(source: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ExpressionError(source, f"it must come to true or false, not {_shortened(json.dumps(value))}")
    return value


def resolve(value: Any, names: Mapping[str, Any]) -> Any:
    """``value`` with every ``${{ }}`` in its texts, at any depth, replaced; keys stay as they are.

    Raises:
        ExpressionError: one of them cannot be evaluated, or all of them are too much together.
    """
    return _Resolving(names).resolved(value)


class _Resolving:
    """One structure on its way: what is named again and again is small only until it is written."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names
        self._left = effort.MAX_BUILT

    def resolved(self, value: Any) -> Any:
        match value:
            case str():
                return self._text(value) if has_template(value) else value
            case Mapping():
                return {key: self._part(item, key) for key, item in value.items()}
            case list():
                return [self._part(item, place) for place, item in enumerate(value)]
            case _:
                return value

    def _part(self, value: Any, key: str | int) -> Any:
        try:
            return self.resolved(value)
        except ExpressionError as error:
            raise error.within(key) from error

    def _text(self, text: str) -> Any:
        pieces = pieces_of(text)
        if len(pieces) == 1:
            return self._value(pieces[0][1])
        made: list[str] = []
        for place, (is_expression, piece) in enumerate(pieces):
            try:
                made.append(_as_text(self._value(piece)) if is_expression else piece)
            except ExpressionError as error:
                raise error.behind(start_of(text, place)) from error
        return "".join(made)

    def _value(self, source: str) -> Any:
        value = evaluate(source, self._names)
        values, characters = effort.weigh(value, self._left // effort.VALUE)
        self._left -= effort.VALUE * values + characters
        if self._left < 0:
            most = effort.MAX_BUILT >> 20
            raise ExpressionError(source, f"with this, all that is put together is more than {most} MiB")
        return value


def evaluate(source: str, names: Mapping[str, Any]) -> Any:
    """The value of one expression, as JSON can hold it: times as RFC 3339, durations in seconds.

    Raises:
        ExpressionError: it cannot be read, it costs too much, a name is missing, or types do not fit.
    """
    steps = cast("Mapping[str, Any]", names.get("steps", {}))
    program, _, reach = _compiled(source, frozenset(steps))
    if reach.path is not None and (value := follow(names, reach.path)) is not MISSING:
        return value
    visible = reach.visible(names)
    if (reason := effort.excess(source, _shape(source), visible)) is not None:
        raise ExpressionError(source, reason)
    try:
        value = program.execute(visible)
    except KeyError as error:
        raise ExpressionError(source, _missing(source, str(error.args[0]))) from error
    except ExpressionError:
        raise
    except (ValueError, TypeError, RuntimeError, ArithmeticError, LookupError) as error:
        raise ExpressionError(source, _reason(" ".join(str(error).split()))) from error
    return _as_json(source, value)


def _missing(source: str, name: str) -> str:
    found = re.search(rf"""(?<![\w]){re.escape(name)}(?!\w)""", source)
    return f"there is no {name!r}" + (f" (character {found.start() + 1})" if found else "")


def _reason(message: str) -> str:
    """What the library says, where that is not misleading."""
    undefined = re.match(r"Undefined variable or function: '(\w+)'", message)
    if undefined and undefined[1] in FUNCTIONS:
        return f"the function '{undefined[1]}' does not take such values"
    return message if len(message) <= MAX_REASON else message[: MAX_REASON - 1] + "…"


def check(source: str, known: frozenset[str]) -> Use:
    """Read an expression without evaluating it.

    Raises:
        ExpressionError: it is too long, costs too much whatever it is given, or is not CEL.
    """
    return _use(source, known if "steps" in source else _NO_STEPS)


_NO_STEPS: Final = frozenset[str]()


@lru_cache(maxsize=PROGRAMS_KEPT)
def _use(source: str, known: frozenset[str]) -> Use:
    bare = bare_source(source)
    program, accesses, _ = _compiled(bare, known)
    if (reason := effort.excess(bare, _shape(bare), {})) is not None:
        raise ExpressionError(source, reason)
    if found := _MESSAGE.search(effort.UNREAD.sub(lambda unread: " " * len(unread[0]), bare)):
        raise ExpressionError(source, f"there is no type '{found[1]}' (character {found.start() + 1})")
    named = program.references()
    bound = set(_BOUND.findall(source)) - NAMES
    variables = [name for name in named["variables"] if name not in bound]
    return Use(
        accesses=accesses,
        parameters=tuple(name_parameters(bare)),
        unknown=tuple(name for name in variables if name not in NAMES),
        functions=tuple(
            name for name in named["functions"] if name[0] not in "_!@-" and name not in FUNCTIONS
        ),
        variables=frozenset(variables),
        secret=secret_of(bare),
    )


def bare_source(source: str) -> str:
    """A ``when`` may be wrapped in ``${{ }}`` as well: the habit of other systems costs nothing."""
    if has_template(source):
        pieces = pieces_of(source.strip())
        if len(pieces) == 1 and pieces[0][0]:
            return pieces[0][1]
    return source


def pieces_of(text: str) -> list[tuple[bool, str]]:
    try:
        return split(text)
    except TemplateError as error:
        raise ExpressionError(text, str(error)) from error


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _as_json(source: str, value: Any) -> Any:
    match value:
        case float() if not math.isfinite(value):
            raise ExpressionError(source, f"{value} is a number that JSON does not have")
        case None | bool() | int() | float() | str():
            return value
        case list():
            return [_as_json(source, item) for item in value]
        case dict():
            return {_as_text(key): _as_json(source, item) for key, item in value.items()}
        case datetime():
            return rfc3339(value)
        case timedelta():
            return value.total_seconds()
        case _:
            raise ExpressionError(source, f"a value of type {type(value).__name__} cannot be kept as JSON")


_shape = lru_cache(maxsize=PROGRAMS_KEPT)(effort.shape)


@lru_cache(maxsize=PROGRAMS_KEPT)
def _compiled(source: str, steps: frozenset[str]) -> tuple[_Program, tuple[StepAccess, ...], Reach]:
    """The expression ready to be evaluated, the results that it names, and what it can see."""
    if len(source) > MAX_LENGTH:
        raise ExpressionError(source, f"it has {len(source)} characters, at most {MAX_LENGTH} are allowed")
    spelled, accesses = name_steps(source, steps)
    try:
        program = _program(source, spelled)
        return program, tuple(accesses), reach_of(spelled, program.references()["variables"])
    except ValueError as error:
        raise ExpressionError(source, _syntax_error(source, str(error))) from error


def _syntax_error(source: str, message: str) -> str:
    """The parser's own words, with the place, without its picture of the line."""
    try:
        native().compile(source)  # as it was written, so that the place is the author's too
    except ValueError as error:
        message = str(error)
    match = re.search(r"ERROR: <input>:\d+:(\d+): (?:Syntax error: )?([^\n]*)", message)
    if match is None:
        return message.partition("\n")[0]
    reason = match[2].partition(" expecting {")[0].replace("<EOF>", "end of the expression")
    if reason.startswith("OtherErr"):  # what the parser says when it has gone as deep as it goes
        reason = "it is nested too deeply"
    return f"syntax error at character {match[1]}: {reason}"


def _shortened(source: str) -> str:
    return source if len(source) <= 100 else source[:97] + "…"


@dataclass(frozen=True, slots=True)
class _Matching:
    """A program that asks for regular expressions: how long they may take is counted as it goes."""

    source: str
    program: _Program
    counted: _Program

    def execute(self, context: Mapping[str, Any]) -> Any:
        matching = Matching()
        names = native().Context(dict(context))
        names.add_function(_COUNTED, matching.matches)
        try:
            value = self.counted.execute(names)
        except RuntimeError as error:
            if matching.fault:
                raise ExpressionError(self.source, matching.fault) from error
            raise
        if matching.excess:
            raise ExpressionError(self.source, matching.excess)
        return value

    def references(self) -> dict[str, list[str]]:
        return self.program.references()


def _program(source: str, spelled: str) -> _Program:
    program: _Program = native().compile(spelled)
    if "matches" not in program.references()["functions"]:
        return program
    read = effort.UNREAD.sub(lambda unread: " " * len(unread[0]), spelled)
    counted = spelled
    for found in _MATCHES.finditer(read):
        counted = counted[: found.start()] + _COUNTED + counted[found.end() :]
    searching: _Program = native().compile(counted)
    if "matches" in searching.references()["functions"]:
        raise ValueError("'matches' stands where it cannot be counted")
    return _Matching(source, program, searching)
