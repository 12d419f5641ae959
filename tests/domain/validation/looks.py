"""Validation as the tests ask for it."""

from typing import Any

from shared.domain.validation.report import Report
from shared.domain.validation.stages import validate
from shared.domain.validation.subject import Context, Sent
from tests.domain.actions import ACTIONS

BASE = Context(ACTIONS)


def report(*steps: Any, context: Context = BASE, **head: Any) -> Report:
    """What validation says of a definition with these steps."""
    return validate(Sent({"steps": list(steps), **head}), context)


def errors(*steps: Any, context: Context = BASE, **head: Any) -> dict[str, str]:
    """Place to code."""
    found = report(*steps, context=context, **head).errors
    return {error.pointer.removeprefix("/definition"): error.code for error in found}


def warnings(*steps: Any, context: Context = BASE, **head: Any) -> dict[str, str]:
    """Place to code."""
    found = report(*steps, context=context, **head).warnings
    return {error.pointer.removeprefix("/definition"): error.code for error in found}
