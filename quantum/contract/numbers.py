"""Numbers that a request names."""

from typing import Any


def integral(value: Any) -> Any:
    """2.0 as 2: to JSON Schema both are the same integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
