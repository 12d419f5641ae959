"""The texts of tenants' policies: what is wrong with one and where, and what it says.

The engine names what it does not like but not the place, so that is looked for here. Nor does it survive an
expression that is nested some hundred deep (it overflows the stack, and the process is gone), so the text is
measured before the engine sees it.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.security.authorization import Statements, schema

MAX_DEPTH: Final = 32
"""Of brackets within brackets, and as many conditional expressions."""
MAX_TOKENS: Final = 1000
MAX_FAULTS: Final = 20

_TOKEN: Final = re.compile(
    r'\s+|//[^\n]*|(?P<token>\w+|"(?:\\.|[^"\\\n])*"|::|&&|\|\||[=!<>]=|[^\w\s"])', re.ASCII
)
_ENDS_EARLY: Final = "unexpected end of input"
_QUOTED: Final = re.compile(r"`([^`]+)`")
_OF_STATEMENT: Final = re.compile(r"^for policy `[^`]*`, ")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a text; line and column are counted from 1."""

    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}"


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    start: int
    end: int


def statements(name: str, text: str) -> Statements:
    """What a text without faults says, by id: ``policy:name``, and from the second on ``policy:name#2``."""
    from cedarpy import policies_to_json_str

    found = json.loads(policies_to_json_str(text))["staticPolicies"]
    more = {f"policy:{name}#{place + 1}": found[f"policy{place}"] for place in range(1, len(found))}
    return {f"policy:{name}": found["policy0"], **more}


def faults(text: str) -> list[Fault]:
    """Everything that is wrong with it by the language and by the schema, in the order of the text."""
    tokens = _tokens(text)
    if isinstance(tokens, Fault):
        return [tokens]
    if (fault := _too_deep(text, tokens)) is not None:
        return [fault]
    if (message := _unreadable(text)) is not None:
        return [_at(text, _place_of(text, tokens, message), message)]
    parts = _statements(tokens)
    if not parts:
        return [_at(text, 0, "there is no policy in it")]
    slots = [part for part in parts if any(token.text == "?" for token in part)]
    if slots:
        return [
            _at(text, part[0].start, "a policy here has no slots (?principal, ?resource)") for part in slots
        ]
    return _misfits(text, parts)


def _tokens(text: str) -> list[_Token] | Fault:
    found: list[_Token] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            return _at(text, place, "this text in quotes has no end")
        if match["token"] is not None:
            found.append(_Token(match["token"], match.start(), match.end()))
        place = match.end()
    return found


def _too_deep(text: str, tokens: Sequence[_Token]) -> Fault | None:
    depth = conditionals = 0
    for count, token in enumerate(tokens, 1):
        if token.text in {"(", "[", "{"}:
            depth += 1
        elif token.text in {")", "]", "}"}:
            depth -= 1
        elif token.text == ";":
            depth = conditionals = 0
        elif token.text == "if":
            conditionals += 1
        if depth > MAX_DEPTH or conditionals > MAX_DEPTH:
            return _at(text, token.start, f"this is nested too deeply: at most {MAX_DEPTH}")
        if count > MAX_TOKENS:
            return _at(text, token.start, f"a text has at most {MAX_TOKENS} words and signs")
    return None


def _unreadable(text: str) -> str | None:
    """Why the engine cannot read it."""
    from cedarpy import policies_to_json_str

    try:
        policies_to_json_str(text)
    except ValueError as error:
        return str(error)
    return None


def _place_of(text: str, tokens: Sequence[_Token], message: str) -> int:
    """Where what cannot be read is."""
    if message == _ENDS_EARLY:
        return len(text)
    if message.startswith(("unexpected", "invalid token")):
        return _breaks_at(text, tokens, message)
    for part in _statements(tokens):
        if _unreadable(text[part[0].start : part[-1].end]) == message:
            return _mention(part, message)
    return 0


def _breaks_at(text: str, tokens: Sequence[_Token], message: str) -> int:
    """Where the form breaks.

    The engine says the same of every text that goes on behind the place, and something else (that the end
    comes too early) of one that stops before it.
    """
    low, high = 0, len(tokens) - 1
    while low < high:
        middle = (low + high) // 2
        if _unreadable(text[: tokens[middle].end]) == message:
            high = middle
        else:
            low = middle + 1
    return tokens[low].start


def _statements(tokens: Sequence[_Token]) -> list[Sequence[_Token]]:
    parts: list[Sequence[_Token]] = []
    begin = 0
    for place, token in enumerate(tokens):
        if token.text == ";":
            parts.append(tokens[begin : place + 1])
            begin = place + 1
    return parts


def _misfits(text: str, parts: Sequence[Sequence[_Token]]) -> list[Fault]:
    """What does not fit the schema; of one place, what the engine says of it first."""
    from cedarpy import validate_policies

    found: dict[int, str] = {}
    for error in sorted(validate_policies(text, schema()).errors, key=lambda error: str(error.error)):
        message = _OF_STATEMENT.sub("", error.error)
        place = _mention(parts[int(error.policy_id.removeprefix("policy"))], message)
        found.setdefault(place, message)
    return [_at(text, place, found[place]) for place in sorted(found)[:MAX_FAULTS]]


def _mention(tokens: Sequence[_Token], message: str) -> int:
    """Where the statement has what the message names first, or else its beginning."""
    for quoted in _QUOTED.findall(message):
        names = {quoted, quoted.rpartition("::")[2], f'"{quoted}"'}
        for token in tokens:
            if token.text in names:
                return token.start
    return tokens[0].start


def _at(text: str, place: int, message: str) -> Fault:
    before = text[:place]
    return Fault(before.count("\n") + 1, place - (before.rfind("\n") + 1) + 1, message)
