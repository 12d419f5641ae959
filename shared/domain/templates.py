"""Where the ``${{ … }}`` are in a text, and which steps an expression names.

Both are questions about text alone: nothing is compiled or evaluated here.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

OPEN: Final = "${{"
CLOSE: Final = "}}"

_TOKEN: Final = re.compile(
    r"""
    (?P<string> [rRbB]{0,2} (?: '{3}(?:\\.|[^\\])*?'{3} | "{3}(?:\\.|[^\\])*?"{3}
                              | '(?:\\.|[^'\\])*'       | "(?:\\.|[^"\\])*" ) )
    | (?P<access> (?<![\w.]) steps \s* (?: \. \s* (?P<name> [A-Za-z_]\w* (?: -\w+ )* )
                                         | \[ \s* (?P<quote>['"]) (?P<key>[^'"\\]*) (?P=quote) \s* \] )
                  (?: \s* \. \s* (?P<field> [A-Za-z_]\w* ) )? )
    | (?P<bare> (?<![\w.]) steps \b )
    | (?P<word> [A-Za-z_]\w* )
    | (?P<open> \{ ) | (?P<end> \}\} ) | (?P<close> \} )
    """,
    re.VERBOSE | re.DOTALL,
)
_PARAMETER: Final = re.compile(
    r"""
    (?<![\w.]) parameters \s* (?: \. \s* (?P<name> [A-Za-z_]\w* )
                                | \[ \s* (?P<quote>['"]) (?P<key>[^'"\\]*) (?P=quote) \s* \] )
    | (?P<any> (?<![\w.]) parameters \b )
    | [rRbB]{0,2} (?: '{3}(?:\\.|[^\\])*?'{3} | "{3}(?:\\.|[^\\])*?"{3}
                    | '(?:\\.|[^'\\])*'       | "(?:\\.|[^"\\])*" )
    """,
    re.VERBOSE | re.DOTALL,
)
_SECRET: Final = re.compile(r"secrets\s*\.\s*([A-Za-z_]\w*)", re.ASCII)


class TemplateError(ValueError):
    """A ``${{`` that never ends. The message quotes where it starts."""


@dataclass(frozen=True, slots=True)
class StepAccess:
    """One ``steps.<id>.<field>`` of an expression; ``step`` is None where ``steps`` stands alone."""

    step: str | None
    field: str | None


def has_template(text: str) -> bool:
    return OPEN in text


def split(text: str) -> list[tuple[bool, str]]:
    """The pieces of ``text`` in order: (is it an expression, the text or the expression's source).

    Raises:
        TemplateError: a ``${{`` has no ``}}``.
    """
    pieces: list[tuple[bool, str]] = []
    at = 0
    while (start := text.find(OPEN, at)) >= 0:
        if start > at:
            pieces.append((False, text[at:start]))
        end = _end(text, start + len(OPEN))
        pieces.append((True, text[start + len(OPEN) : end].strip()))
        at = end + len(CLOSE)
    if at < len(text):
        pieces.append((False, text[at:]))
    return pieces


def start_of(text: str, piece: int) -> int:
    """How many characters stand before a piece of ``text``."""
    at = 0
    for is_expression, source in split(text)[:piece]:
        at = _end(text, at + len(OPEN)) + len(CLOSE) if is_expression else at + len(source)
    return at


def is_one_expression(text: str) -> bool:
    """Whether the whole text is one ``${{ }}``, so that it yields a value of any type."""
    try:
        pieces = split(text.strip())
    except TemplateError:
        return True  # what is wrong with it is told of the expression
    return len(pieces) == 1 and pieces[0][0]


def _end(text: str, start: int) -> int:
    """Where the ``}}`` is that ends the expression starting at ``start``, past strings and map literals."""
    depth = 0
    at = start
    while (match := _TOKEN.search(text, at)) is not None:
        at = match.end()
        if match["open"]:
            depth += 1
        elif match["close"]:
            depth -= 1
        elif match["end"]:
            if depth <= 0:
                return match.start()
            depth -= 1
            at = match.start() + 1
    raise TemplateError(f"'{text[start - len(OPEN) :][:40]}' has no closing '}}}}'")


def name_steps(source: str, known: Collection[str]) -> tuple[str, list[StepAccess]]:
    """``source`` with every ``steps.<id>`` spelled as CEL can read it, and what it names.

    CEL's identifiers have no hyphen and step ids do: ``steps.build-image.outputs`` becomes
    ``steps["build-image"].outputs`` when ``build-image`` is the longest of the ``known`` ids that fits
    there (an unknown one is taken whole).
    """
    accesses: list[StepAccess] = []

    def spell(match: re.Match[str]) -> str:
        if match["bare"]:
            accesses.append(StepAccess(None, None))
        if not match["access"]:
            return match[0]
        if match["key"] is not None:
            accesses.append(StepAccess(match["key"], match["field"]))
            return match[0]
        written: str = match["name"]
        step = _longest(written, known)
        rest = match[0][match.end("name") - match.start() :]
        if step != written:  # what follows the id is a subtraction, and the field belongs to it
            accesses.append(StepAccess(step, None))
            return f'steps["{step}"]{written[len(step) :]}{rest}'
        accesses.append(StepAccess(step, match["field"]))
        return f'steps["{step}"]{rest}'

    return _TOKEN.sub(spell, source), accesses


def name_parameters(source: str) -> Iterator[str | None]:
    """The parameters that an expression names; None where ``parameters`` stands alone."""
    for match in _PARAMETER.finditer(source):
        if match["any"]:
            yield None
        elif (name := match["name"] or match["key"]) is not None:
            yield name


def secret_of(source: str) -> str | None:
    """The secret that an expression is, if it is one and nothing else."""
    match = _SECRET.fullmatch(source)
    return match[1] if match else None


def _longest(written: str, known: Collection[str]) -> str:
    candidate = written
    while candidate:
        if candidate in known:
            return candidate
        candidate = candidate.rpartition("-")[0]
    return written
