"""Route templates of HTTP triggers: the ASP.NET Core syntax that Azure Functions uses.

``intents/{id}``, ``{id:int}``, ``{id?}``, ``{id=7}``, ``{name}.{ext}`` and ``{*rest}``. A path is matched
segment by segment, literals without regard to case; values are strings, percent-decoded.
Source: ASP.NET Core documentation, "Routing", "Route templates" and "Route constraints".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

type Constraint = Callable[[str], bool]

_TOKEN = re.compile(r"\{((?:[^{}]|\{\{[^{}]*\}\})+)\}")
_PARAMETER = re.compile(
    r"(?P<stars>\*{0,2})(?P<name>[A-Za-z_]\w*)"
    r"(?P<rules>(?::[a-z]+(?:\(.*?\)(?=[:?=]|\Z))?)*)(?P<rest>\?|=.*)?\Z"
)
_RULE = re.compile(r":([a-z]+)(?:\((.*?)\)(?=:|\Z))?")
_INT = r"[+-]?\d+"
_FLOAT = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_GUID = r"\{?[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\}?"
_DATE = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"


class TemplateError(ValueError):
    """A route template that Azure Functions would not accept; the text says why."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One path segment of a template: a literal, a whole-segment parameter, or a mix (``pattern``)."""

    literal: str | None = None
    parameter: str = ""
    constraints: tuple[Constraint, ...] = ()
    pattern: re.Pattern[str] | None = None
    optional: bool = False
    default: str | None = None
    catch_all: bool = False
    shape: str = ""

    @property
    def rank(self) -> int:
        """Precedence: lower is tried first (literal, mixed, constrained, parameter, catch-all)."""
        if self.literal is not None:
            return 0
        if self.pattern is not None:
            return 1
        if self.catch_all:
            return 4
        return 2 if self.constraints else 3

    def match(self, value: str) -> dict[str, str] | None:
        """The parameter values if ``value`` fits this segment (which is not a literal)."""
        if self.pattern is not None:
            found = self.pattern.fullmatch(value)
            return found.groupdict() if found else None
        if not value or not all(fits(value) for fits in self.constraints):
            return None
        return {self.parameter: value}


def parse(template: str) -> tuple[Segment, ...]:
    """Parse ``template`` (without the route prefix).

    Raises:
        TemplateError: it is malformed, repeats a name, or uses an unknown constraint.
    """
    text = template.strip("/")
    segments = tuple(_segment(part, template) for part in _split(text)) if text else ()
    names = [name for segment in segments for name in _names(segment)]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise TemplateError(f"the parameter {min(repeated)} appears twice in {template!r}")
    for segment in segments[:-1]:
        if segment.catch_all:
            raise TemplateError(f"a catch-all parameter must be the last segment of {template!r}")
        if segment.optional:
            raise TemplateError(f"an optional parameter must be the last segment of {template!r}")
    return segments


def shape(segments: tuple[Segment, ...]) -> str:
    """What two templates have in common exactly if they match the same paths with the same precedence."""
    return "/".join(segment.shape for segment in segments)


def _split(text: str) -> list[str]:
    """Split at slashes that are not inside braces (a regex constraint may hold one)."""
    parts, depth, current = [], 0, ""
    for character in text:
        depth += (character == "{") - (character == "}")
        if character == "/" and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [*parts, current]


def _segment(part: str, template: str) -> Segment:
    if not part:
        raise TemplateError(f"{template!r} has an empty segment (two slashes in a row)")
    leftovers = _TOKEN.sub("", part)
    if "{" in leftovers or "}" in leftovers:
        raise TemplateError(f"the braces in {template!r} do not match")
    tokens = list(_TOKEN.finditer(part))
    if not tokens:
        return Segment(literal=part.lower(), shape=part.lower())
    if len(tokens) == 1 and tokens[0].span() == (0, len(part)):
        return _parameter(tokens[0][1], template)
    return _mixed(part, tokens, template)


def _parameter(text: str, template: str) -> Segment:
    found = _PARAMETER.match(text)
    if found is None:
        raise TemplateError(f"{{{text}}} in {template!r} is not a route parameter")
    rules, rest = _RULE.findall(found["rules"]), found["rest"] or ""
    constraints = tuple(
        _constraint(name, argument, template) for name, argument in rules if name != "required"
    )
    catch_all = bool(found["stars"])
    return Segment(
        parameter=found["name"],
        constraints=constraints,
        optional=rest != "",
        default=rest[1:] or None,
        catch_all=catch_all,
        shape=("{*}" if catch_all else "{}") + found["rules"],
    )


def _mixed(part: str, tokens: list[re.Match[str]], template: str) -> Segment:
    pattern, form, position = "", "", 0
    for token in tokens:
        inner = _parameter(token[1], template)
        if inner.catch_all or inner.optional or inner.constraints:
            raise TemplateError(
                f"{token[0]} in {template!r} must be a plain parameter: it shares its segment"
            )
        literal = part[position : token.start()]
        pattern += f"(?i:{re.escape(literal)})(?P<{inner.parameter}>.+?)"
        form += literal.lower() + "{}"
        position = token.end()
    pattern += f"(?i:{re.escape(part[position:])})"
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise TemplateError(f"{part!r} in {template!r}: {error}") from error
    return Segment(pattern=compiled, shape=form + part[position:].lower())


def _names(segment: Segment) -> list[str]:
    if segment.pattern is not None:
        return list(segment.pattern.groupindex)
    return [segment.parameter] if segment.parameter else []


def _constraint(name: str, argument: str, template: str) -> Constraint:
    patterns = {"int": _INT, "long": _INT, "float": _FLOAT, "double": _FLOAT, "decimal": _FLOAT}
    patterns |= {"alpha": "[A-Za-z]*", "bool": "(?i:true|false)", "guid": _GUID, "datetime": _DATE}
    if name in patterns:
        compiled = re.compile(patterns[name])
        return lambda value: compiled.fullmatch(value) is not None
    if name == "regex":
        searched = re.compile(argument.replace("{{", "{").replace("}}", "}"), re.IGNORECASE)
        return lambda value: searched.search(value) is not None
    try:
        bounds = [int(number) for number in argument.split(",")]
    except ValueError:
        bounds = []
    return _bounded(name, bounds, template)


def _bounded(name: str, bounds: list[int], template: str) -> Constraint:
    low, high = (bounds[0], bounds[-1]) if bounds else (0, 0)
    match name, len(bounds):
        case "minlength", 1:
            return lambda value: len(value) >= low
        case "maxlength", 1:
            return lambda value: len(value) <= low
        case "length", 1 | 2:
            return lambda value: low <= len(value) <= high
        case "min", 1:
            return lambda value: _is_int(value) and int(value) >= low
        case "max", 1:
            return lambda value: _is_int(value) and int(value) <= low
        case "range", 2:
            return lambda value: _is_int(value) and low <= int(value) <= high
    raise TemplateError(f"{template!r} has a route constraint that does not exist: {name}")


def _is_int(value: str) -> bool:
    return re.fullmatch(_INT, value) is not None
