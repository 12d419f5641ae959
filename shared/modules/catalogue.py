"""The catalogue: every action that is built in, by name and by module."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from shared.domain.actions import ActionSpec, ParameterProblem
from shared.modules.approvals import ApprovalAction
from shared.modules.authorization import NO_TOKENS, OutboundTokens
from shared.modules.children import RunIntent
from shared.modules.containers.push import PushToRegistry, RestoreTags
from shared.modules.containers.registry.repositories import NO_REPOSITORIES, Repositories
from shared.modules.core import Assert, Transform, Wait
from shared.modules.fetching import Fetcher
from shared.modules.http import HttpRequest
from shared.modules.kubernetes.deployment import DeployToKubernetes, UndoDeployment
from shared.modules.kubernetes.targets import NO_TARGETS, Targets
from shared.modules.kubernetes.verification import VerifyDeployment
from shared.ports.actions import Action
from shared.ports.approvals import Approvals
from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.security.egress import EgressPolicy

MODULES: Final[Mapping[str, str]] = {
    "containers": "Building images, and bringing them to registries.",
    "core": "Waiting, asking, checking and making values, with no outside world; and other intents.",
    "http": "Requests to somewhere outside.",
    "kubernetes": "Running images on clusters and on this machine, and seeing that they are well.",
}
"""Those that are built in; no tenant's own is called so."""


class BuiltInActions:
    """The built-in actions; ``egress`` and ``outbound`` are what those that reach out keep to and send.

    ``approvals`` is who people are asked by, ``repositories`` where images are, ``targets`` where they run,
    ``builds`` the actions that build them.
    """

    def __init__(
        self,
        *,
        egress: EgressPolicy,
        approvals: Approvals,
        repositories: Repositories = NO_REPOSITORIES,
        targets: Targets = NO_TARGETS,
        builds: Sequence[Action] = (),
        outbound: OutboundTokens = NO_TOKENS,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        actions: list[Action] = [
            Wait(),
            Assert(),
            Transform(),
            ApprovalAction(approvals),
            RunIntent(),
            HttpRequest(egress, outbound, telemetry),
            PushToRegistry(repositories),
            RestoreTags(repositories),
            DeployToKubernetes(targets, repositories),
            UndoDeployment(targets, repositories),
            VerifyDeployment(targets, Fetcher(egress, telemetry)),
            *builds,
        ]
        self._actions = {action.name: action for action in actions}
        self._specs = {action.name: _spec(action) for action in actions}

    def action(self, name: str) -> Action:
        """The action ``name``.

        Raises:
            LookupError: there is none.
        """
        return self._actions[name]

    def actions(self) -> Sequence[Action]:
        return list(self._actions.values())

    def modules(self) -> Mapping[str, str]:
        """The modules that are built in, and what each is for."""
        return MODULES

    def models(self) -> Mapping[str, type[BaseModel]]:
        """The models of the parameters of every action that intents may have."""
        return {action.name: action.Parameters for action in self._actions.values()}

    def specs(self) -> Mapping[str, ActionSpec]:
        """The actions as definitions and plans see them."""
        return self._specs


def _spec(action: Action) -> ActionSpec:
    return ActionSpec(
        action.name,
        action.module,
        action.side_effect,
        _checked(action.name, action.Parameters),
        action.conditions,
        action.urls,
        action.permission,
        action.offers,
        action.takes,
        action.undone_by,
        action.where,
        takes_secrets=action.takes_secrets,
        own_images=action.own_images,
    )


def _checked(
    action: str, model: type[BaseModel]
) -> Callable[[Mapping[str, Any]], Sequence[ParameterProblem]]:
    def problems(parameters: Mapping[str, Any]) -> Sequence[ParameterProblem]:
        try:
            model.model_validate(parameters)
        except ValidationError as error:
            return _problems(action, error)
        return ()

    return problems


def _problems(action: str, error: ValidationError) -> list[ParameterProblem]:
    found: list[ParameterProblem] = []
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        path = item["loc"]
        name = ".".join(map(str, path))
        match item["type"]:
            case "missing":
                code, message = "REQUIRED", f"the action '{action}' needs '{name}'"
            case "extra_forbidden":
                code, message = "UNKNOWN_PARAMETER", f"the action '{action}' has no parameter '{name}'"
            case kind:
                code = "TYPE" if kind.endswith("_type") else "VALUE"
                text = item["msg"].removeprefix("Value error, ")
                message = f"{name}: {text[:1].lower()}{text[1:]}" if name else text
        found.append(ParameterProblem(path, code, message))
    return found
