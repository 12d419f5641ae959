"""What this host refuses beyond the worker: what Azure would refuse later, what one machine cannot run."""

import inspect
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from localhost.app.functions import DURABLE_TRIGGERS, Function
from localhost.app.hostjson import HostSettings
from localhost.app.problems import Problem
from localhost.http.templates import TemplateError, parse, shape
from localhost.triggers.schedule import ScheduleError, parse_schedule
from localhost.triggers.warmup import NAME as WARM_UP

RUNNABLE_TRIGGERS = frozenset(
    {
        *("httpTrigger", "timerTrigger", "cosmosDBTrigger", "eventHubTrigger", "warmupTrigger"),
        *DURABLE_TRIGGERS,
    }
)
_FUNCTION_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_\-]{0,127}\Z")
_RESERVED = ("admin", "runtime")
"""First path segments that the Functions host keeps for itself."""


def find_problems(
    functions: Sequence[Function], settings: HostSettings, environment: Mapping[str, str]
) -> list[Problem]:
    """Everything wrong with ``functions``, in their order where a problem belongs to one of them."""
    problems = list(_name_problems(functions))
    for function in functions:
        problems.extend(_trigger_problems(function, environment))
        problems.extend(_binding_problems(function))
        problems.extend(_durable_problems(function))
    problems.extend(_route_problems(functions, settings.route_prefix))
    problems.extend(_durable_duplicates(functions))
    return problems


def time_zone(environment: Mapping[str, str]) -> tzinfo:
    """The zone of timer schedules: ``WEBSITE_TIME_ZONE`` (a tz database name), else UTC as in Azure.

    Raises:
        ScheduleError: there is no such zone.
    """
    name = environment.get("WEBSITE_TIME_ZONE", "")
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ScheduleError(f"WEBSITE_TIME_ZONE is {name!r}, which is not in the tz database") from error


def _name_problems(functions: Iterable[Function]) -> Iterator[Problem]:
    for function in functions:
        if not _FUNCTION_NAME.match(function.name):
            mend = "Use a letter, then letters, digits, _ and -, at most 128 in all."
            yield Problem(function.name, "is not a name the Functions host accepts", mend)


def _trigger_problems(function: Function, environment: Mapping[str, str]) -> Iterator[Problem]:
    trigger = function.trigger
    if trigger.type not in RUNNABLE_TRIGGERS:
        yield Problem(function.name, f"{trigger.type} is not served by the local host", switch_off(function))
    if trigger.type == "timerTrigger" and "%" not in str(trigger.properties.get("schedule")):
        try:
            parse_schedule(str(trigger.properties.get("schedule")), time_zone(environment))
        except ScheduleError as error:
            mend = (
                "Six fields: {second} {minute} {hour} {day} {month} {day-of-week}; for example 0 */5 * * * *."
            )
            yield Problem(function.name, f"its schedule is not NCRONTAB: {error}", mend)
    if trigger.type == "warmupTrigger" and function.name.lower() != WARM_UP:
        reason = "the Functions host runs a warm-up trigger only under its one name"
        yield Problem(function.name, reason, f"Name it with @app.function_name({WARM_UP!r}).")


def _binding_problems(function: Function) -> Iterator[Problem]:
    for binding in function.inputs:
        if binding.type != "durableClient":
            reason = f"the input binding {binding.name} ({binding.type}) is not served by the local host"
            yield Problem(
                function.name, reason, f"Use a client library inside the function. {switch_off(function)}"
            )
    for binding in function.outputs:
        if binding.type != "http" or function.trigger.type != "httpTrigger":
            reason = f"the output binding {binding.name} ({binding.type}) is not served by the local host"
            yield Problem(
                function.name, reason, f"Use a client library inside the function. {switch_off(function)}"
            )


def switch_off(function: Function) -> str:
    """How to keep a function out of this host, which the Functions host understands, too."""
    return f'Switch it off here with "AzureWebJobs.{function.name}.Disabled": "true" in local.settings.json.'


def _durable_problems(function: Function) -> Iterator[Problem]:
    for attribute, what in (("orchestrator_function", "orchestrator"), ("entity_function", "entity")):
        user_function: Callable[..., object] | None = getattr(function.handler, attribute, None)
        if inspect.iscoroutinefunction(user_function) or inspect.isasyncgenfunction(user_function):
            mend = "Make it `def` and use yield where it says await: replay is synchronous."
            yield Problem(function.name, f"the {what} is `async def`, which always fails when it runs", mend)


def _route_problems(functions: Iterable[Function], prefix: str) -> Iterator[Problem]:
    taken: dict[tuple[str, str], str] = {}
    for function in functions:
        if function.trigger.type != "httpTrigger":
            continue
        template = full_template(function, prefix)
        try:
            segments = parse(template)
        except TemplateError as error:
            yield Problem(function.name, f"its route is malformed: {error}")
            continue
        if segments and segments[0].literal in _RESERVED:
            mend = "The Functions host keeps /admin and /runtime for itself; choose another first segment."
            yield Problem(function.name, f"its route /{template} is reserved", mend)
        for method in sorted(methods(function)) or ["*"]:
            first = taken.setdefault((method, shape(segments)), function.name)
            if first != function.name:
                reason = (
                    f"{'any method' if method == '*' else method} /{template} is also the route of {first}"
                )
                yield Problem(function.name, reason, "Give one of them another route or other methods.")


def full_template(function: Function, prefix: str) -> str:
    """The route template of an HTTP function with the app's prefix; its name if it has no route."""
    route = str(function.trigger.properties.get("route") or function.name).lstrip("/")
    return f"{prefix}/{route}" if prefix else route


def methods(function: Function) -> frozenset[str]:
    """The HTTP methods of a function, in capitals; none written means all."""
    written = function.trigger.properties.get("methods") or ()
    return frozenset(str(method).upper() for method in written)


def _durable_duplicates(functions: Iterable[Function]) -> Iterator[Problem]:
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for function in functions:
        if function.durable_kind:
            names[function.durable_kind, function.durable_name].append(function.name)
    for (kind, name), holders in names.items():
        if len(holders) > 1:
            reason = f"{len(holders)} functions are the {kind} {name!r}: {', '.join(holders)}"
            yield Problem(holders[-1], reason, "Only one of them would ever run; rename the others.")
