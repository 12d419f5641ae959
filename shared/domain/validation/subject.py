"""What the rules of validation look at: an intent as it was sent, taken apart once for all of them.

Rules see what was sent and not a model of it: one wrong type must not hide the other errors.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Final

from shared.domain.actions import ActionSpec
from shared.domain.definitions import MAX_DEFINITION_BYTES, MAX_STEPS
from shared.domain.errors import FieldError
from shared.domain.expressions import ExpressionError, Use, check
from shared.domain.intents import IntentStatus
from shared.domain.mentions import expressions_in
from shared.domain.pointers import pointer, pointer_along
from shared.domain.steps import RUN_INTENT, compensation_of, long_form, parameters_of
from shared.domain.templates import OPEN
from shared.domain.tenants import NO_SETTINGS, TenantSettings

STEPS: Final = "/definition/steps"
OUTPUTS: Final = "/definition/outputs"
MAX_EXPRESSIONS: Final = 128 * 1024
"""Characters in all expressions of a definition together: reading them costs up to 20 µs each."""

MAX_TARGETS: Final = 100
"""Other intents that one may run."""

type Rule = Callable[["Subject"], Iterator[FieldError]]
"""One rule: what of it the subject breaks, each with code, JSON pointer and how to mend it."""


@dataclass(frozen=True, slots=True)
class Target:
    """An intent that a ``run-intent`` step names; ``status`` None: there is none."""

    status: IntentStatus | None
    successor: str | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What the rules must know beside what was sent.

    Attributes:
        actions: every action there is.
        settings: what the tenant's administrators ask of its intents.
        url_refusal: why a URL may not be called, as far as the URL itself tells; None if it may.
        intents: what ``run-intent`` steps name; None: nobody has looked.
        max_definition_bytes: how large a definition may be.
    """

    actions: Mapping[str, ActionSpec]
    settings: TenantSettings = NO_SETTINGS
    url_refusal: Callable[[str], str | None] = lambda _: None
    intents: Mapping[str, Target] | None = None
    max_definition_bytes: int = MAX_DEFINITION_BYTES


@dataclass(frozen=True, slots=True)
class Sent:
    """An intent as it was sent; None: not part of what is sent (a new version has its name already)."""

    definition: Any
    name: str | None = None
    description: str | None = None
    labels: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression of a step: where it stands and what it uses, or why it cannot be read."""

    at: str
    source: str
    use: Use | None
    unreadable: str = ""
    parameter: str | None = None
    """The parameter that it stands in, if it stands in one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One step as it was sent, and in its long form."""

    raw: Mapping[str, Any]
    step: Mapping[str, Any]
    at: str
    """The pointer to it."""
    spec: ActionSpec | None
    """Its action, if there is such a one."""
    parameters: Mapping[str, Any]
    """Its action's, with conditions in ``${{ }}``."""
    last: bool = False
    """Whether it is one of ``finally``."""
    compensates: bool = False
    """Whether it is what undoes the step of its id."""
    each: bool = False
    """Whether it is done for each item of a list."""
    expressions: list[Expression] = field(default_factory=list[Expression])

    @property
    def id(self) -> str:
        return str(self.step["id"])

    @property
    def title(self) -> str:
        """How messages name it."""
        if self.compensates:
            return f"the compensation of step '{self.id}'"
        return "an output" if self.at == OUTPUTS else f"step '{self.id}'"

    def knows_item(self, at: str) -> bool:
        """Whether the expression there may name ``item``: those of its parameters, if there are items."""
        return self.each and not (at == self.condition_at or at.startswith(self.at + "/foreach"))

    @property
    def condition_at(self) -> str:
        """The pointer to its ``when``, which is one expression as a whole."""
        return self.at + "/when"

    @property
    def depends_on(self) -> list[str]:
        names = self.step.get("depends_on")
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []

    def place(self, path: Sequence[str | int]) -> str:
        """The pointer to a parameter, in whichever form it was written."""
        long = self.raw.get("parameters")
        written_long = isinstance(long, Mapping) and (not path or path[0] not in self.raw)
        root = self.at + "/parameters" if written_long else self.at
        return pointer_along(root, written(self.step["parameters"], path))


def written(value: Any, path: Sequence[str | int]) -> Sequence[str | int]:
    """As much of ``path`` as the document has, and a key that is missing at its end.

    A model may see a list where one value was written, and has names for the branches of a union.
    """
    for depth, part in enumerate(path):
        if isinstance(value, Mapping) and (part in value or depth == len(path) - 1):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return path[:depth]
    return path


class Subject:
    """What was sent, with what rules have in common made once."""

    def __init__(self, sent: Sent, context: Context) -> None:
        self.sent = sent
        self.context = context
        self.definition: Mapping[str, Any] = sent.definition if isinstance(sent.definition, Mapping) else {}
        self.sections = {
            name: section if isinstance(section := self.definition.get(name), list) else ()
            for name in ("steps", "finally")
        }
        self.count = sum(map(len, self.sections.values()))
        self.entries = list(self._steps())
        """The steps that are objects, those of ``finally`` last."""
        self.known = frozenset(entry.id for entry in self.entries)
        """Their ids."""
        self.acting = [*self.entries, *self._compensations()]
        """All that has an action: the steps, and what undoes them."""
        self.speaking = [*self.acting, *self._outputs()]
        """All that has expressions: these, and the outputs as if they were a step."""
        self.too_many_expressions = not self._read_expressions()

    def _steps(self) -> Iterator[Entry]:
        before = 0
        for section, steps in self.sections.items() if self.count <= MAX_STEPS else ():
            for index, step in enumerate(steps):
                if isinstance(step, Mapping):
                    at = pointer("definition", section, index)
                    long = long_form(step, before + index + 1)
                    yield _entry(step, long, at, self.context.actions, last=section == "finally")
            before = len(steps)

    def _compensations(self) -> Iterator[Entry]:
        for entry in self.entries:
            if isinstance(raw := entry.raw.get("compensate"), Mapping):
                long = {"id": entry.id, **compensation_of(raw)}
                at = entry.at + "/compensate"
                yield _entry(raw, long, at, self.context.actions, undoes=entry)

    def _outputs(self) -> Iterator[Entry]:
        if isinstance(outputs := self.definition.get("outputs"), Mapping):
            yield Entry({}, {"id": "outputs", "parameters": outputs}, OUTPUTS, None, outputs, last=True)

    def _read_expressions(self) -> bool:
        """Read all of them; False if there are too many."""
        known = _one(self.known)
        left = MAX_EXPRESSIONS
        for entry in self.speaking:
            for at, text, parameter in _texts_of(entry):
                left -= len(text)
                if left < 0:
                    return False
                entry.expressions.extend(_expressions(entry, at, text, known, parameter))
        return True

    @cached_property
    def declared(self) -> Mapping[str, Any]:
        """The JSON Schema of the parameters; empty if there is none that could be one."""
        schema = self.definition.get("parameters")
        return schema if isinstance(schema, Mapping) else {}


@lru_cache(maxsize=64)
def _one(known: frozenset[str]) -> frozenset[str]:
    """Equal sets as one object: they are keys of caches, and a thousand ids take long to compare."""
    return known


def _entry(
    raw: Mapping[str, Any],
    long: Mapping[str, Any],
    at: str,
    actions: Mapping[str, ActionSpec],
    *,
    last: bool = False,
    undoes: Entry | None = None,
) -> Entry:
    name = raw.get("action")
    spec = actions.get(name) if isinstance(name, str) else None
    parameters = long["parameters"]
    spelled = spec.spelled_out(parameters) if spec else parameters
    each = (undoes.step if undoes else long).get("foreach") is not None
    return Entry(raw, long, at, spec, spelled, last, undoes is not None, each)


def _texts_of(entry: Entry) -> Iterator[tuple[str, str, str | None]]:
    """Where each text with expressions stands, the text, and the parameter that it is part of, if any."""
    when = entry.step.get("when")
    if isinstance(when, str) and when:
        yield entry.condition_at, when, None
    for path, text in texts(entry.step.get("foreach")):
        if OPEN in text:
            yield entry.at + pointer("foreach", *path), text, None
    for name, value in entry.parameters.items():
        for path, text in texts(value):
            if OPEN in text:
                yield entry.place([name]) + pointer(*path), text, name


def _expressions(
    entry: Entry, at: str, text: str, known: frozenset[str], parameter: str | None
) -> list[Expression]:
    try:
        sources = [text] if at == entry.condition_at else list(expressions_in(text))
    except ExpressionError as error:
        return [Expression(at, text, None, str(error))]
    return [_expression(at, source, known, parameter) for source in sources]


def _expression(at: str, source: str, known: frozenset[str], parameter: str | None) -> Expression:
    try:
        return Expression(at, source, check(source, known), parameter=parameter)
    except ExpressionError as error:
        return Expression(at, source, None, str(error))


def named_intents(definition: Any) -> list[str]:
    """The intents that ``run-intent`` steps name, each once, whatever else is wrong with the definition."""
    names: dict[str, None] = {}
    for section in ("steps", "finally") if isinstance(definition, Mapping) else ():
        steps = definition.get(section)
        for step in steps if isinstance(steps, list) else ():
            if isinstance(step, Mapping):
                names.update(dict.fromkeys(_run_by(step)))
    return list(names)


def _run_by(step: Mapping[str, Any]) -> Iterator[str]:
    for acting in (step, step.get("compensate")):
        if isinstance(acting, Mapping) and acting.get("action") == RUN_INTENT:
            name = parameters_of(acting).get("intent")
            if isinstance(name, str) and OPEN not in name:
                yield name


def texts(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text in ``value``, at any depth, with the path to it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts(item, (*path, index))
