"""A module that tests put."""

from typing import Any, Final

SCAN: Final[dict[str, Any]] = {
    "description": "Looks for what is known to be wrong with an image.",
    "side_effect": "idempotent",
    "parameters": {
        "type": "object",
        "properties": {
            "image": {"type": "string", "minLength": 1},
            "depth": {"type": "integer", "minimum": 1, "maximum": 9},
            "token": {"type": "string"},
        },
        "required": ["image"],
        "additionalProperties": False,
    },
    "outputs": {
        "type": "object",
        "properties": {"findings": {"type": "integer"}},
        "required": ["findings"],
        "additionalProperties": False,
    },
    "takes_secrets": ["token"],
    "examples": [{"id": "scan", "action": "scanner/scan", "image": "${{ parameters.image }}", "depth": 2}],
}
MODULE: Final[dict[str, Any]] = {
    "endpoint": "https://modules.example.com/scanner",
    "manifest": {"description": "Scans images.", "actions": {"scan": {**SCAN, "examples": []}}},
}
