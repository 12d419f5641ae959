"""The second stage: does it make sense? The graph, references, time, and what can never run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from shared.domain.actions import did_you_mean
from shared.domain.errors import FieldError
from shared.domain.expressions import ExpressionError, condition
from shared.domain.graphs import find_cycle
from shared.domain.handovers import handovers
from shared.domain.intents import Reference
from shared.domain.pointers import pointer
from shared.domain.steps import DEFAULT_TIMEOUT, MAX_STEP_TIME, NO_RETRY, RUN_INTENT, Retry
from shared.domain.templates import has_template
from shared.domain.validation.subject import MAX_TARGETS, STEPS, Entry, Rule, Subject, named_intents


def unique_ids(subject: Subject) -> Iterator[FieldError]:
    """That no two steps have one id."""
    first: dict[str, str] = {}
    for entry in subject.entries:
        if entry.id in first:
            message = f"there is another step '{entry.id}', at {first[entry.id]}; ids are unique in an intent"
            place = entry.at + "/id" if "id" in entry.raw else entry.at
            yield FieldError(place, "DUPLICATE", message)
        first.setdefault(entry.id, entry.at)


def dependencies(subject: Subject) -> Iterator[FieldError]:
    """That steps depend on others that there are, by ``depends_on`` and by expressions."""
    known = subject.known
    last = frozenset(entry.id for entry in subject.entries if entry.last)
    for entry in subject.speaking:
        for index, name in enumerate(entry.depends_on):
            place = entry.at + pointer("depends_on", index)
            if name == entry.id:
                yield FieldError(place, "CYCLE", f"step '{name}' depends on itself")
            elif name not in known:
                yield _unknown_step(entry, name, place, "depends on", known)
            elif (name in last) != entry.last:
                yield _out_of_order(entry, name, place)
        for place, name in _named_in_expressions(entry):
            if name == entry.id and not entry.compensates:
                yield FieldError(place, "CYCLE", f"step '{name}' refers to its own results")
            elif name not in known:
                yield _unknown_step(entry, name, place, "refers to", known)
            elif name in last and not entry.last:
                yield _out_of_order(entry, name, place)


def compensated_steps(subject: Subject) -> Iterator[FieldError]:
    """That what runs at last has no compensation: nothing comes after it that could fail."""
    for entry in subject.entries:
        if entry.last and entry.raw.get("compensate") not in (None, False):
            message = f"step '{entry.id}' is in finally, and what runs last is never compensated: remove this"
            yield FieldError(entry.at + "/compensate", "FINALLY", message)


def _named_in_expressions(entry: Entry) -> Iterator[tuple[str, str]]:
    for expression in entry.expressions:
        for access in expression.use.accesses if expression.use else ():
            if access.step is not None:
                yield expression.at, access.step


def _unknown_step(entry: Entry, name: str, place: str, does: str, known: frozenset[str]) -> FieldError:
    message = (
        f"{entry.title} {does} '{name}', which is not a step of this intent"
        f"{did_you_mean(name, known - {entry.id})}"
    )
    return FieldError(place, "UNKNOWN_STEP", message)


def _out_of_order(entry: Entry, name: str, place: str) -> FieldError:
    if entry.last:
        message = (
            f"step '{entry.id}' is in finally and runs after '{name}' anyway: depend on steps of finally only"
        )
    else:
        message = f"{entry.title} cannot wait for '{name}', which is in finally and runs last"
    return FieldError(place, "FINALLY", message)


def no_cycles(subject: Subject) -> Iterator[FieldError]:
    """That no steps wait for each other."""
    edges: dict[str, set[str]] = {}
    givers: dict[str, set[str]] = {}
    for handed in handovers(subject.entries):
        if handed.giver is not None:
            givers.setdefault(handed.step, set()).add(handed.giver)
    for entry in subject.entries:
        named = {name for _, name in _named_in_expressions(entry)} | givers.get(entry.id, set())
        edges[entry.id] = ({*entry.depends_on, *named} & subject.known) - {entry.id}
    if cycle := find_cycle(edges):
        place = next(entry.at for entry in subject.entries if entry.id == cycle[0])
        path = " → ".join([*cycle, cycle[0]])
        yield FieldError(place, "CYCLE", f"these steps wait for each other: {path}; remove one dependency")


def handed_over(subject: Subject) -> Iterator[FieldError]:
    """That what a step is to get from an earlier one is offered by one."""
    missing = {(one.step, one.parameter) for one in handovers(subject.entries) if one.giver is None}
    for entry in subject.entries if missing else ():
        for name, taking in entry.spec.takes.items() if entry.spec else ():
            if (entry.id, name) in missing and not taking.is_optional:
                known = subject.context.actions.values()
                givers = sorted(other.name for other in known if taking.kind in other.offers)
                message = (
                    f"{entry.title} needs '{name}', and no step before it gives it one: "
                    f"say it, or put a step with {' or '.join(givers)} before"
                )
                yield FieldError(entry.place([name]), "REQUIRED", message)


def reachable_results(subject: Subject) -> Iterator[FieldError]:
    """That no step needs the outputs of one whose condition is false whatever happens."""
    never = _never_run(subject)
    for entry in subject.speaking if never else ():
        for place, name in _results_named(entry):
            if name in never and entry.id not in never:
                message = (
                    f"{entry.title} needs the outputs of '{name}', which can never run; "
                    f"mend the condition of '{name}', or do without its outputs"
                )
                yield FieldError(place, "UNREACHABLE", message)


def unreachable_steps(subject: Subject) -> Iterator[FieldError]:
    """Steps whose condition is false whatever happens: somebody may have switched them off for a while."""
    never = _never_run(subject)
    for entry in subject.entries if never else ():
        if entry.id in never:
            message = (
                f"step '{entry.id}' never runs: its condition names nothing that changes and is false; "
                "mend the condition, or remove the step"
            )
            yield FieldError(entry.condition_at, "UNREACHABLE", message)


def _never_run(subject: Subject) -> frozenset[str]:
    return frozenset(entry.id for entry in subject.entries if _never_runs(entry))


def _never_runs(entry: Entry) -> bool:
    for expression in entry.expressions:
        if expression.at == entry.condition_at and expression.use and expression.use.constant:
            try:
                return not condition(expression.source, {})
            except ExpressionError:
                return False  # it fails, and says so when it runs
    return False


def _results_named(entry: Entry) -> Iterator[tuple[str, str]]:
    for expression in entry.expressions:
        for access in expression.use.accesses if expression.use else ():
            if access.step is not None and access.field == "outputs":
                yield expression.at, access.step


def time_budgets(subject: Subject) -> Iterator[FieldError]:
    """That a step, with all of its attempts, comes to an end within the time that there is."""
    for entry in subject.acting:
        retry = _retry(entry)
        if retry.max_attempts == 1:
            continue
        timeout = entry.step.get("timeout", DEFAULT_TIMEOUT)
        if not isinstance(timeout, int | float):
            continue
        longest = retry.max_attempts * timeout + _waits(retry)
        if retry.budget is not None:
            longest = min(longest, retry.budget + timeout)
        if longest > MAX_STEP_TIME:
            message = (
                f"{entry.title} may take {longest / 86_400:.0f} days with its {retry.max_attempts} "
                f"attempts and the waits between them; at most {MAX_STEP_TIME // 86_400} are allowed: "
                "give a budget, or lower max_attempts, max_interval or the timeout"
            )
            yield FieldError(entry.at + "/retry", "BUDGET", message)


def _retry(entry: Entry) -> Retry:
    raw = entry.step.get("retry")
    if not isinstance(raw, Mapping):
        return NO_RETRY
    try:
        return Retry.model_validate(raw)
    except ValueError:
        return NO_RETRY  # its own errors are told by its shape


def _waits(retry: Retry) -> float:
    """The seconds of all waits between the attempts, without jitter."""
    total, interval = 0.0, retry.initial_interval
    for _ in range(retry.max_attempts - 1):
        total += min(interval, retry.max_interval)
        interval = min(interval * retry.backoff, retry.max_interval)
    return total


def declared_names(subject: Subject) -> Iterator[FieldError]:
    """That expressions name declared parameters, where no others may be given."""
    if subject.declared.get("additionalProperties") is False:
        yield from _undeclared(subject, "which this intent does not take")


def _undeclared(subject: Subject, why: str) -> Iterator[FieldError]:
    properties = subject.declared.get("properties", {})
    if not isinstance(properties, Mapping):
        return
    for entry in subject.speaking:
        for expression in entry.expressions:
            for name in expression.use.parameters if expression.use else ():
                if name is not None and name not in properties:
                    message = (
                        f"{entry.title} uses parameter '{name}', {why}; "
                        f"declare it{did_you_mean(name, properties)}"
                    )
                    yield FieldError(expression.at, "UNKNOWN_PARAMETER", message)


def references(subject: Subject) -> Iterator[FieldError]:
    """That the intents which it runs exist, and that it does not run itself."""
    targets = subject.context.intents
    if len(named_intents(subject.definition)) > MAX_TARGETS:
        yield FieldError(STEPS, "TOO_MANY", f"an intent runs at most {MAX_TARGETS} others")
    for at, text in run_intents(subject):
        if has_template(text):
            message = "name the intent itself: what it runs must be known when it is stored"
            yield FieldError(at, "REFERENCE", message)
            continue
        reference = Reference.parse(text)
        if reference is None:
            message = f"{text[:80]!r} is neither the name nor the id of an intent"
            yield FieldError(at, "REFERENCE", message)
        elif reference.name == subject.sent.name:
            yield FieldError(at, "CYCLE", "an intent cannot run itself")
        elif targets is not None and (target := targets.get(text)) is not None:
            if target.status is None:
                message = f"there is no intent '{text}' to run; create it first"
                yield FieldError(at, "UNKNOWN_INTENT", message)
            elif target.status == "archived":
                message = f"the intent '{text}' is archived; restore it first, or run another"
                yield FieldError(at, "ARCHIVED", message)


def run_intents(subject: Subject) -> Iterator[tuple[str, str]]:
    """Where the ``run-intent`` steps name intents, and the texts that they name them by."""
    for entry in subject.acting:
        name = entry.parameters.get("intent") if entry.step.get("action") == RUN_INTENT else None
        if isinstance(name, str):
            yield entry.place(["intent"]), name


def unused_parameters(subject: Subject) -> Iterator[FieldError]:
    """Declared parameters that no expression uses, and undeclared ones that some do."""
    properties = subject.declared.get("properties")
    if not isinstance(properties, Mapping):
        return
    if subject.declared.get("additionalProperties") is not False:
        yield from _undeclared(subject, "which is not declared")
    used = {
        name
        for entry in subject.speaking
        for expression in entry.expressions
        for name in (expression.use.parameters if expression.use else (None,))
    }
    if None in used or not subject.entries:
        return
    for name in properties.keys() - used:
        place = "/definition/parameters/properties" + pointer(name)
        yield FieldError(place, "UNUSED", f"no step uses the parameter '{name}'; use it or remove it")


def descriptions(subject: Subject) -> Iterator[FieldError]:
    """What has no description: the intent, and its parameters."""
    if subject.sent.description is not None and not subject.sent.description.strip():
        yield FieldError("/description", "DESCRIPTION", "say in a sentence what the intent is for")
    properties = subject.declared.get("properties")
    for name, declared in properties.items() if isinstance(properties, Mapping) else ():
        if isinstance(declared, Mapping) and not _described(declared):
            place = "/definition/parameters/properties" + pointer(name)
            yield FieldError(place, "DESCRIPTION", f"say what the parameter '{name}' is, as its description")


def _described(declared: Mapping[str, Any]) -> bool:
    return any(declared.get(key) for key in ("description", "title", "$ref"))


def deprecated_references(subject: Subject) -> Iterator[FieldError]:
    """Intents that it runs and that are deprecated, or not yet active."""
    targets = subject.context.intents or {}
    for at, text in run_intents(subject):
        target = targets.get(text)
        if target and target.status == "deprecated":
            instead = f"; run {target.successor!r} instead" if target.successor else ""
            yield FieldError(at, "DEPRECATED", f"the intent '{text}' is deprecated{instead}")
        elif target and target.status == "draft":
            yield FieldError(at, "DRAFT", f"the intent '{text}' is a draft; activate it before this one runs")


def vain_retries(subject: Subject) -> Iterator[FieldError]:
    """Waits that are never as long as they say, and attempts that never come."""
    for entry in subject.acting:
        retry = _retry(entry)
        if retry.initial_interval > retry.max_interval:
            message = f"initial_interval is above max_interval: every wait takes {retry.max_interval:g} s"
            yield FieldError(entry.at + "/retry/initial_interval", "BUDGET", message)
        wait = min(retry.initial_interval, retry.max_interval) * (1 - retry.jitter)
        if retry.max_attempts > 1 and retry.budget is not None and wait >= retry.budget:
            message = f"there is no second attempt: the budget of {retry.budget:g} s is over before it begins"
            yield FieldError(entry.at + "/retry/budget", "BUDGET", message)


RULES: Final[Sequence[Rule]] = (
    unique_ids,
    dependencies,
    compensated_steps,
    no_cycles,
    handed_over,
    reachable_results,
    time_budgets,
    declared_names,
    references,
)
ADVICE: Final[Sequence[Rule]] = (
    unreachable_steps,
    unused_parameters,
    descriptions,
    deprecated_references,
    vain_retries,
)
