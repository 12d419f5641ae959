"""Functions for the parts of the host that take them one at a time."""

from collections.abc import Callable
from typing import Any

from localhost.app.functions import IN, Binding, Function, RetryPolicy


def make_function(
    trigger: str,
    handler: Callable[..., Any],
    *,
    retry: RetryPolicy | None = None,
    parameter_type: Any = None,
    **properties: Any,
) -> Function:
    """An async function named after its handler, whose trigger's parameter is ``value``."""
    binding = Binding(trigger, "value", IN, {"type": trigger, "name": "value", **properties})
    return Function(
        name=handler.__name__,
        handler=handler,
        is_async=True,
        trigger=binding,
        bindings=(binding,),
        script_file="function_app.py",
        retry=retry,
        parameter_types={"value": parameter_type},
    )
