"""The actions that the tests of definitions and plans know."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.domain.actions import ActionSpec, ParameterProblem
from shared.domain.validation.report import Finding
from shared.domain.validation.stages import validate
from shared.domain.validation.subject import Context, Sent


def _problems(parameters: Mapping[str, Any]) -> list[ParameterProblem]:
    """``replicas``, if it is there, is a whole number."""
    if isinstance(parameters.get("replicas", 1), int):
        return []
    return [ParameterProblem(["replicas"], "TYPE", "replicas: it should be a whole number")]


ACTIONS = {
    "deploy": ActionSpec("deploy", "kubernetes", "idempotent", _problems),
    "build": ActionSpec("build", "containers", "idempotent", lambda _: [], own_images=frozenset({"image"})),
    "check": ActionSpec("check", "core", "pure", lambda _: [], frozenset({"condition"})),
    "run-intent": ActionSpec("run-intent", "core", "idempotent", lambda _: []),
}
CALL = {
    "call": ActionSpec(
        "call",
        "http",
        "idempotent",
        lambda _: [],
        urls=frozenset({"url"}),
        takes_secrets=frozenset({"headers", "url"}),
    )
}
"""An action that calls a URL."""


def errors_of(definition: Any, actions: Mapping[str, ActionSpec] = ACTIONS) -> Sequence[Finding]:
    """What is wrong with a definition, for whoever knows nothing else of it."""
    return validate(Sent(definition), Context(actions)).errors
