"""Asking Microsoft's worker library whether it would load a function.

``azure_functions_runtime`` is the library that the Python worker of Azure Functions runs since Python 3.13.
Its ``Registry.add_indexed_function`` applies the worker's rules to one function and says how it would be
called; it only reads the function, so that the same objects are then served here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from azure.functions.decorators.function_app import Function as IndexedFunction
from azure_functions_runtime.bindings.meta import load_binding_registry
from azure_functions_runtime.functions import Registry
from azure_functions_runtime.http_v2 import HttpV2Registry

from localhost.app.problems import Problem

_PROTOS = SimpleNamespace(BindingInfo=SimpleNamespace(in_=0, out=1, inout=2))

_MENDS = (
    (
        "invalid non-type",
        "Use a plain class or typing.List[...]: the worker refuses list[T], dict[K, V], A | B and Optional.",
    ),
    (
        "declared in Python but not",
        "Each parameter must be named by a trigger or binding decorator, or be `context`.",
    ),
    ("Extra parameters", "Add a parameter of that name, or correct the name in the decorator."),
    (
        "of httpTrigger binding",
        "With the FastAPI extension, all HTTP functions take its Request; without it, func.HttpRequest.",
    ),
    (
        "return annotation",
        "Annotate a FastAPI response, dict or str (with that extension), else func.HttpResponse or str.",
    ),
    ("does not match", "Use the type of azure.functions that belongs to this binding."),
    (
        "is not defined",
        "Annotations are resolved at load: import the type at run time, not under TYPE_CHECKING.",
    ),
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """How the worker would call a function it has accepted."""

    is_async: bool
    wants_context: bool
    directory: str
    parameter_types: Mapping[str, Any]


def check_with_worker(functions: Sequence[IndexedFunction]) -> tuple[dict[str, Accepted], list[Problem]]:
    """Apply the worker's rules to each function; what it refuses comes back as problems, all of them."""
    load_binding_registry()
    registry = Registry()
    accepted: dict[str, Accepted] = {}
    problems: list[Problem] = []
    for function in functions:
        name = str(function.get_function_name())
        try:
            info = registry.add_indexed_function(function=function, protos=_PROTOS)
        except Exception as error:  # noqa: BLE001 - the library raises several types; each is a refusal
            problems.append(_refusal(name, error))
            continue
        types = {parameter: found.pytype for parameter, found in info.input_types.items()}
        accepted[name] = Accepted(info.is_async, info.requires_context, info.directory, types)
    return accepted, problems


def streaming_enabled() -> bool:
    """Whether the app has imported the FastAPI extension: all its HTTP functions then use those types."""
    return bool(HttpV2Registry.http_v2_enabled())


def _refusal(name: str, error: Exception) -> Problem:
    text = str(error).removeprefix(f"cannot load the {name} function: ")
    reason = text if "cannot load" in str(error) else f"{type(error).__name__}: {text}"
    mend = next((advice for symptom, advice in _MENDS if symptom in reason), "")
    return Problem(name, reason, mend)
