"""What a validation found, as it looks on the wire."""

from typing import Any

from shared.domain.validation.report import Report


def report(value: Report) -> dict[str, Any]:
    return {
        "valid": not value.errors,
        "errors": [error.to_json() for error in value.errors],
        "warnings": [warning.to_json() for warning in value.warnings],
    }
