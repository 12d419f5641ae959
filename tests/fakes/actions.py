"""Actions that do as a test says, and remember that they were asked."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.domain.actions import ActionSpec, SideEffect
from shared.ports.actions import Action, ActionContext, Completed, Pending

type Behaviour = Callable[[Any, ActionContext], Completed | Pending]


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


class Scripted(Action):
    """Runs ``behaviour``; ``gate`` holds every run back, ``began`` is released by each that begins."""

    module = "test"
    Parameters = Anything
    Outputs = Anything
    takes_secrets = frozenset({"token", "body"})

    def __init__(self, name: str, side_effect: SideEffect, behaviour: Behaviour) -> None:
        self.name = name  # type: ignore[misc]  # a class of actions made at run time
        self.side_effect = side_effect  # type: ignore[misc]  # as above
        self.behaviour = behaviour
        self.gate = asyncio.Event()
        self.gate.set()
        self.began = asyncio.Semaphore(0)
        self.runs: list[int] = []
        self.polls: list[Any] = []

    async def run(self, parameters: Any, context: ActionContext) -> Completed | Pending:
        self.runs.append(context.attempt)
        self.began.release()
        await self.gate.wait()
        return self.behaviour(parameters, context)

    async def poll(self, token: Any, parameters: Any, context: ActionContext) -> Completed | Pending:
        self.polls.append(token)
        return self.behaviour(parameters, context)


class ScriptedCatalogue:
    """A catalogue of scripted actions."""

    def __init__(self) -> None:
        self._actions: dict[str, Action] = {}

    def add(self, name: str, behaviour: Behaviour, *, side_effect: SideEffect = "idempotent") -> Scripted:
        action = self._actions[name] = Scripted(name, side_effect, behaviour)
        return action

    def use(self, action: Action) -> None:
        """Have a real one, too."""
        self._actions[action.name] = action

    def remove(self, name: str) -> None:
        del self._actions[name]

    def action(self, name: str) -> Action:
        return self._actions[name]

    def actions(self) -> Sequence[Action]:
        return list(self._actions.values())

    def modules(self) -> Mapping[str, str]:
        return {"test": "What a test says."}

    def models(self) -> Mapping[str, type[BaseModel]]:
        return {name: action.Parameters for name, action in self._actions.items()}

    def specs(self) -> Mapping[str, ActionSpec]:
        return {
            name: ActionSpec(
                name,
                "test",
                action.side_effect,
                lambda _: [],
                action.conditions,
                action.urls,
                takes_secrets=action.takes_secrets,
            )
            for name, action in self._actions.items()
        }
