"""The first stage: does it have the right shape? Structure, declared parameters, actions, expressions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import TypeAdapter

from shared.domain import intents
from shared.domain.actions import ParameterProblem, did_you_mean
from shared.domain.approvals import APPROVAL
from shared.domain.definitions import MAX_STEPS, Definition
from shared.domain.errors import FieldError
from shared.domain.expressions import FIELDS, FUNCTIONS, ITEM, NAMES, SECRETS
from shared.domain.models import model_errors
from shared.domain.parameters import schema_errors
from shared.domain.pointers import pointer
from shared.domain.steps import KEYWORDS, MAX_ITEMS, Step
from shared.domain.templates import StepAccess, has_template, is_one_expression
from shared.domain.validation.subject import MAX_EXPRESSIONS, STEPS, Entry, Expression, Rule, Subject, written

_ROOT: Final = "/definition"
_DEFINITION: Final = TypeAdapter(Definition)
_STEP: Final = TypeAdapter(Step)


def words(subject: Subject) -> Iterator[FieldError]:
    """Name, description and labels."""
    sent = subject.sent
    if sent.name is not None:
        yield from intents.name_errors(sent.name)
    if sent.description is not None:
        yield from intents.description_errors(sent.description)
    if sent.labels is not None:
        yield from intents.label_errors(sent.labels)


def sections(subject: Subject) -> Iterator[FieldError]:
    """The definition's own keys."""
    if not isinstance(subject.sent.definition, Mapping):
        yield FieldError(_ROOT, "TYPE", "a definition is a JSON object")
        return
    own = {key: value for key, value in subject.definition.items() if key not in subject.sections}
    if own.get("outputs") is None:
        own.pop("outputs", None)
    yield from model_errors(_DEFINITION, own, _ROOT)


def declared_parameters(subject: Subject) -> Iterator[FieldError]:
    """The JSON Schema of the intent's parameters."""
    if subject.declared:
        yield from schema_errors(subject.declared, _ROOT + "/parameters")


def list_of_steps(subject: Subject) -> Iterator[FieldError]:
    """That steps and finally are lists of objects, and not too long."""
    if subject.count > MAX_STEPS:
        message = f"a definition has at most {MAX_STEPS} steps, this one has {subject.count}"
        yield FieldError(STEPS, "TOO_MANY", message + "; divide it into several intents")
    for section, steps in subject.sections.items():
        if subject.definition.get(section) is not None and not isinstance(steps, list):
            yield FieldError(_ROOT + pointer(section), "TYPE", f"{section} is a list of objects")
        for position, step in enumerate(steps if subject.count <= MAX_STEPS else ()):
            if not isinstance(step, Mapping):
                place = _ROOT + pointer(section, position)
                yield FieldError(place, "TYPE", "a step is a JSON object with an 'action'")


def keywords(subject: Subject) -> Iterator[FieldError]:
    """Each step's keywords: their types and limits."""
    for entry in subject.entries:
        if "action" not in entry.step:
            yield FieldError(entry.at, "REQUIRED", f"step '{entry.id}' has no 'action'")
        yield from model_errors(_STEP, {"action": "none", **entry.step}, entry.at)


def loops(subject: Subject) -> Iterator[FieldError]:
    """That foreach is a list or one expression, and what it may stand beside."""
    for entry in subject.entries:
        foreach = entry.step.get("foreach")
        at = entry.at + "/foreach"
        if foreach is None:
            if "concurrency" in entry.step:
                message = (
                    f"{entry.title}: concurrency says how many items of foreach run at a time; it has none"
                )
                yield FieldError(entry.at + "/concurrency", "FOREACH", message)
            continue
        if isinstance(foreach, str) and not is_one_expression(foreach):
            message = f"{entry.title}: foreach is a list, or one expression that yields one: ${{{{ … }}}}"
            yield FieldError(at, "FOREACH", message)
        elif isinstance(foreach, list) and len(foreach) > MAX_ITEMS:
            message = f"{entry.title}: foreach has {len(foreach)} items, at most {MAX_ITEMS} are allowed"
            yield FieldError(at, "TOO_MANY", message)


def approvals(subject: Subject) -> Iterator[FieldError]:
    """That an approval stands where it can be asked for and decided: a step of its own, and once."""
    for entry in subject.acting:
        if entry.step.get("action") != APPROVAL:
            continue
        if entry.compensates:
            message = f"{entry.title}: what undoes a step cannot ask for an approval; undoing does not wait"
            yield FieldError(entry.at + "/action", "APPROVAL", message)
        elif entry.step.get("foreach") is not None:
            message = f"{entry.title}: an approval is asked for once, not for each item of foreach"
            yield FieldError(entry.at + "/foreach", "APPROVAL", message)


def long_forms(subject: Subject) -> Iterator[FieldError]:
    """That the long form is an object, and no parameter is written twice."""
    for entry in subject.acting:
        yield from _long_form_errors(entry)


def _long_form_errors(entry: Entry) -> Iterator[FieldError]:
    long = entry.raw.get("parameters")
    if long is None:
        return
    if not isinstance(long, Mapping):
        yield FieldError(entry.at + "/parameters", "TYPE", "parameters is a JSON object")
        return
    for name in sorted(long.keys() & entry.raw.keys() - KEYWORDS):
        message = f"parameter '{name}' is given twice: beside 'action' and under 'parameters'; keep one"
        yield FieldError(entry.at + pointer("parameters", name), "DUPLICATE", message)


def actions(subject: Subject) -> Iterator[FieldError]:
    """That each step's action exists, and takes the parameters it is given."""
    known = subject.context.actions
    for entry in subject.acting:
        name = entry.step.get("action")
        if not isinstance(name, str):
            continue
        if entry.spec is not None:
            yield from _parameter_errors(entry, entry.spec.problems(entry.parameters))
        else:
            message = f"there is no action '{name}'{did_you_mean(name, known)}"
            yield FieldError(entry.at + "/action", "UNKNOWN_ACTION", message)


def _parameter_errors(entry: Entry, problems: Sequence[ParameterProblem]) -> Iterator[FieldError]:
    for problem in problems:
        if not _decided_at_run_time(entry.parameters, problem):
            message = f"{entry.title}: {problem.message}"
            yield FieldError(entry.place(problem.path), problem.code, message)


def _decided_at_run_time(parameters: Mapping[str, Any], problem: ParameterProblem) -> bool:
    """Whether a ``${{ }}`` may yet mend it.

    It may yield any value where it stands alone, and complete one that it is a part of; but it cannot make
    an object of a list, and never adds or removes a key.
    """
    if problem.code == "UNKNOWN_PARAMETER":
        return False
    path = written(parameters, problem.path)
    value: Any = parameters
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else value[part]
    if problem.code in {"REQUIRED", "TYPE"}:
        return isinstance(value, str) and has_template(value)
    return _any_template(value)


def _any_template(value: Any) -> bool:
    match value:
        case str():
            return has_template(value)
        case Mapping():
            return any(_any_template(item) for item in value.values())
        case list():
            return any(_any_template(item) for item in value)
        case _:
            return False


def expressions(subject: Subject) -> Iterator[FieldError]:
    """That each expression can be read, and uses names and functions that there are."""
    for entry in subject.speaking:
        for expression in entry.expressions:
            yield from _expression_errors(entry, expression, subject.known)
    if subject.too_many_expressions:
        message = f"the expressions of a definition have at most {MAX_EXPRESSIONS} characters together"
        yield FieldError(STEPS, "TOO_LARGE", message)


def _expression_errors(entry: Entry, expression: Expression, known: frozenset[str]) -> Iterator[FieldError]:
    who, at, use = entry.title, expression.at, expression.use
    if use is None:
        yield FieldError(at, "EXPRESSION", f"{who}: {expression.unreadable}")
        return
    for access in use.accesses:
        yield from _access_errors(access, at=at, who=who, known=known)
    for name in use.unknown:
        if name == ITEM:
            if not entry.knows_item(at):
                message = (
                    f"{who}: 'item' is known in the parameters of a step with foreach only, "
                    "and in those of what undoes it"
                )
                yield FieldError(at, "UNKNOWN_NAME", message)
            continue
        if name == SECRETS:
            yield from _secret_errors(entry, expression)
            continue
        message = (
            f"{who}: '{name}' in expression '{expression.source}' is not a name that expressions "
            f"know ({', '.join(sorted(NAMES))}){did_you_mean(name, NAMES)}"
        )
        yield FieldError(at, "UNKNOWN_NAME", message)
    for name in use.functions:
        message = f"{who}: there is no function '{name}' in expressions{did_you_mean(name, FUNCTIONS)}"
        yield FieldError(at, "UNKNOWN_FUNCTION", message)


def _secret_errors(entry: Entry, expression: Expression) -> Iterator[FieldError]:
    """That a secret stands alone in its ``${{ }}``, and where nothing of it is kept or decided by it."""
    assert expression.use is not None
    takes = entry.spec.takes_secrets if entry.spec else frozenset[str]()
    if expression.use.secret is None:
        message = (
            "nothing can be done with a secret: it stands alone in its ${{ }}, with text around that if need "
            "be, as in 'Bearer ${{ secrets.API_TOKEN }}'"
        )
    elif expression.parameter in takes:
        return
    elif takes:
        where = ", ".join(f"'{name}'" for name in sorted(takes))
        message = f"a secret may stand in these parameters of '{entry.step['action']}' only: {where}"
    elif entry.spec is None and "action" in entry.step:
        return  # of an action that there is not, nothing is known
    else:
        kept = f"'{entry.step['action']}'" if entry.spec else "an output"
        message = f"a secret cannot stand here: what {kept} is given is kept, for everybody to read"
    yield FieldError(expression.at, "SECRET_PLACE", f"{entry.title}: {message}")


def _access_errors(access: StepAccess, *, at: str, who: str, known: frozenset[str]) -> Iterator[FieldError]:
    """What is wrong with a ``steps.<id>.<field>``, apart from whether there is such a step."""
    if access.step is None:
        message = f"{who}: name one step, as steps.<id>.outputs or steps['<id>'].outputs"
        yield FieldError(at, "EXPRESSION", message)
    elif access.step in known and access.field is not None and access.field not in FIELDS:
        message = (
            f"{who}: a step has {' and '.join(sorted(FIELDS))}, not '{access.field}'"
            f"{did_you_mean(access.field, FIELDS)}"
        )
        yield FieldError(at, "UNKNOWN_NAME", message)


RULES: Final[Sequence[Rule]] = (
    words,
    sections,
    declared_parameters,
    list_of_steps,
    keywords,
    loops,
    approvals,
    long_forms,
    actions,
    expressions,
)
