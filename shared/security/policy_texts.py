"""The texts of tenants' policies: what is wrong with one and where.

The engine names what it does not like but not the place, so that is looked for here, by asking it about the
text with something else in a place. Nor does it survive an
expression that is nested some hundred deep (it overflows the stack, and the process is gone), so the text is
measured before the engine sees it.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.domain.errors import Span
from shared.security.authorization import schema

MAX_DEPTH: Final = 32
"""Of brackets within brackets, and as many conditional expressions."""
MAX_TOKENS: Final = 1000
MAX_FAULTS: Final = 20
MAX_PROBES: Final = 40
"""Most places of a statement that are tried: each costs a validation of it."""

_BLANK: Final = r"\s\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""What the engine passes over: Unicode's White_Space, which a text that was pasted may have."""
_TOKEN: Final = re.compile(
    rf'[{_BLANK}]+|//[^\n]*|(?P<token>\w+|"(?:\\.|[^"\\\n])*"|::|&&|\|\||[=!<>]=|[^\w{_BLANK}"])', re.ASCII
)
_OPENING: Final = frozenset("([{")
_CLOSING: Final = frozenset(")]}")
_NOTHING: Final = "nothing_has_this_name"
_ENDS_EARLY: Final = "unexpected end of input"
_NAMED: Final = re.compile(r"`([^`]+)`|: (\w+)$")
_OF_STATEMENT: Final = re.compile(r"^for policy `[^`]*`, ")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a text, and where."""

    span: Span
    message: str

    def __str__(self) -> str:
        return f"line {self.span.line}, column {self.span.column}: {self.message}"


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    start: int
    end: int


def fits(text: str) -> bool:
    """Whether a text that was kept is one still: a release may have changed language or schema since."""
    return _unreadable(text) is None and not _said(text)


def may_forbid(text: str) -> bool:
    """Whether a text forbids something, or cannot be read."""
    return _unreadable(text) is not None or any(one["effect"] == "forbid" for one in parsed(text))


def parsed(text: str) -> Sequence[Any]:
    """The statements of a text that can be read."""
    from cedarpy import policies_to_json_str

    found = json.loads(policies_to_json_str(text))["staticPolicies"]
    return [found[f"policy{place}"] for place in range(len(found))]


def faults(text: str) -> list[Fault]:
    """Everything that is wrong with it by the language and by the schema, in the order of the text."""
    tokens = _tokens(text)
    if isinstance(tokens, Fault):
        return [tokens]
    if (fault := _too_deep(text, tokens)) is not None:
        return [fault]
    found = [fault for part in _statements(tokens) for fault in _faults_of(text, part)]
    if not tokens:
        found = [_at(text, 0, 0, "there is no policy in it")]
    return found[:MAX_FAULTS]


def _faults_of(text: str, part: Sequence[_Token]) -> Iterable[Fault]:
    """What is wrong with one statement."""
    if (message := _unreadable(text[part[0].start : part[-1].end])) is not None:
        token = _breaks_at(text, part, message)
        if token is None:
            return [_at(text, len(text), 0, message)]
        return [_at(text, token.start, token.end - token.start, message)]
    if any(token.text == "?" for token in part):
        return [_of(text, part[0], "a policy here has no slots (?principal, ?resource)")]
    return _misfits(text, part)


def _tokens(text: str) -> list[_Token] | Fault:
    found: list[_Token] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            return _at(text, place, len(text) - place, "this text in quotes has no end")
        if match["token"] is not None:
            found.append(_Token(match["token"], match.start(), match.end()))
        place = match.end()
    return found


def _too_deep(text: str, tokens: Sequence[_Token]) -> Fault | None:
    depth = conditionals = 0
    for count, token in enumerate(tokens, 1):
        if token.text in _OPENING:
            depth += 1
        elif token.text in _CLOSING:
            depth -= 1
        elif token.text == ";":
            depth = conditionals = 0
        elif token.text == "if":
            conditionals += 1
        if depth > MAX_DEPTH or conditionals > MAX_DEPTH:
            return _of(text, token, f"this is nested too deeply: at most {MAX_DEPTH}")
        if count > MAX_TOKENS:
            return _of(text, token, f"a text has at most {MAX_TOKENS} words and signs")
    return None


def _unreadable(text: str) -> str | None:
    """Why the engine cannot read it."""
    from cedarpy import policies_to_json_str

    try:
        policies_to_json_str(text)
    except ValueError as error:
        return str(error)
    return None


def _breaks_at(text: str, part: Sequence[_Token], message: str) -> _Token | None:
    """Where a statement that cannot be read breaks; None: behind its end.

    Of its form the engine says the same for every text that goes on behind the place, and something else
    (that the end comes too early) for one that stops before it. Else it names what it does not know.
    """
    if message == _ENDS_EARLY:
        return None
    if not message.startswith(("unexpected", "invalid token")):
        return next(_mentions(part, message), part[0])
    low, high = 0, len(part) - 1
    while low < high:
        middle = (low + high) // 2
        if _unreadable(text[part[0].start : part[middle].end]) == message:
            high = middle
        else:
            low = middle + 1
    # Now and then it looks at one more word before it says so.
    named = [token for token in part[: low + 1] if token.text in _names(message)]
    return named[-1] if named else part[low]


def _statements(tokens: Sequence[_Token]) -> list[Sequence[_Token]]:
    """Each to its semicolon; what comes behind the last one is one, too."""
    parts: list[Sequence[_Token]] = []
    begin = 0
    for place, token in enumerate(tokens):
        if token.text == ";":
            parts.append(tokens[begin : place + 1])
            begin = place + 1
    return [*parts, tokens[begin:]] if tokens[begin:] else parts


def _misfits(text: str, part: Sequence[_Token]) -> list[Fault]:
    """What in a statement does not fit the schema; of one place, what the engine says of it first."""
    asked = _Questions(text[part[0].start : part[-1].end], part)
    said = _said(asked.statement)
    found: dict[_Token, str] = {}
    for message in sorted(said):
        for token in asked.wrong(message, said[message]):
            found.setdefault(token, message)
    return [_of(text, token, found[token]) for token in sorted(found, key=lambda token: token.start)]


@dataclass
class _Questions:
    """What the engine is asked about one statement."""

    statement: str
    part: Sequence[_Token]
    probes: int = 0

    def wrong(self, message: str, times: int) -> Sequence[_Token]:
        """The words that the message is about.

        Of the places with a name that it mentions, it is those without which the engine says so less often.
        Where it mentions none, it is the condition without which it does, or else anything in the statement.
        """
        mentions = list(_mentions(self.part, message))
        if not mentions:
            conditions = _conditions(self.part)
            return [one[0] for one in conditions if self._probe(message, *one) < times] or self.part[:1]
        if len(mentions) == 1:
            return mentions
        return [one for one in mentions if self._probe(message, one, one, _another(one)) < times] or mentions[
            :1
        ]

    def _probe(self, message: str, first: _Token, last: _Token, instead: str = "") -> float:
        """How often it says so with ``instead`` in place of what is from ``first`` to ``last``."""
        self.probes += 1
        if self.probes > MAX_PROBES:
            return math.inf
        begin = self.part[0].start
        text = self.statement[: first.start - begin] + instead + self.statement[last.end - begin :]
        return _said(text)[message]


def _said(text: str) -> Counter[str]:
    """What the engine says of a text by the schema: once for each place and kind of principal."""
    from cedarpy import validate_policies

    errors = validate_policies(text, schema()).errors
    return Counter(_OF_STATEMENT.sub("", error.error) for error in errors)


def _mentions(part: Sequence[_Token], message: str) -> Iterator[_Token]:
    """Where the statement has the first of the names in the message that it has at all."""
    for name in _names(message):
        names = {name, name.rpartition("::")[2], f'"{name}"'}
        if found := [token for token in part if token.text in names]:
            yield from found
            return


def _names(message: str) -> Sequence[str]:
    """What the engine quotes, or says at the end."""
    return [quoted or last for quoted, last in _NAMED.findall(message)]


def _another(token: _Token) -> str:
    """A name that nothing has, in place of this one."""
    return f'"{_NOTHING}"' if token.text.startswith('"') else _NOTHING


def _conditions(part: Sequence[_Token]) -> Iterator[tuple[_Token, _Token]]:
    """The first and the last word of each condition (``when { … }``)."""
    depth, begin = 0, part[0]
    for token in part:
        if depth == 0 and token.text in {"when", "unless"}:
            begin = token
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        if depth == 0 and token.text == "}":
            yield begin, token


def _of(text: str, token: _Token, message: str) -> Fault:
    return _at(text, token.start, token.end - token.start, message)


def _at(text: str, place: int, length: int, message: str) -> Fault:
    before = text[:place]
    line, column = before.count("\n") + 1, place - (before.rfind("\n") + 1) + 1
    return Fault(Span(line, column, place, length), message)
