"""A specimen: an action in a small world of its own, whose outside effects can be looked at.

What every action promises is held over specimens (``test_promises.py``), and over what the platform makes of
them (``test_delivered.py``). Every action has one or more in ``specimens.py``.
"""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from shared.domain.places import Place
from shared.ports.actions import Action, ActionContext, Completed, Foreseen, Pending, Result
from shared.ports.callbacks import Callbacks
from shared.ports.children import Children
from shared.security.scope import TenantScope
from tests.fakes.callbacks import StandingCallbacks
from tests.fakes.children import StandingChildren
from tests.fakes.clock import FrozenClock
from tests.modules.kit.service import Service
from tests.registries import RunningRegistry

ACME = TenantScope("acme")
EXECUTION = "01HF7YAT00ABCDEFGHJKMNPQRS"
MOST_LOOKS = 50


async def nothing() -> Any:
    """There is nothing to see, or nothing happens."""


@dataclass(frozen=True)
class Surroundings:
    """What specimens make their worlds in."""

    folder: Path
    service: Service
    registry: RunningRegistry
    elsewhere: RunningRegistry


@dataclass
class Specimen:
    """An action in its world. Another world of the same specimen differs in nothing but its ``name``.

    Attributes:
        make: the action, as a process has it that has seen nothing yet.
        look: the world, as JSON: what giving up and undoing put back.
        traces: what stays whatever is undone, as JSON: one of it, however often an attempt is made.
        go_on: what happens outside between two looks at what is pending.
        undo: the action that undoes it.
        changes: whether the world is another one when it has completed.
        varies: outputs that may tell of the delivery itself; whoever undoes it does not need them.
        failing: parameters with which it fails instead.
        remains: what is left in the world when it is given up, and why that is well.
        dry_children: who executes other intents for a dry run: dry, too.
        key: which step of which ``execution`` it is.
    """

    make: Callable[[], Action]
    parameters: Mapping[str, Any]
    look: Callable[[], Awaitable[Any]] = nothing
    traces: Callable[[], Awaitable[Any]] = nothing
    go_on: Callable[[], Awaitable[None]] = nothing
    undo: Callable[[], Action] | None = None
    changes: bool = True
    varies: Collection[str] = ()
    failing: Mapping[str, Any] = field(default_factory=dict[str, Any])
    remains: str | None = None
    clock: FrozenClock = field(default_factory=FrozenClock)
    children: Children = field(default_factory=StandingChildren)
    dry_children: Children | None = None
    callbacks: Callbacks = field(default_factory=StandingCallbacks)
    name: str = "(no name)"
    key: str = "step"
    execution: str = EXECUTION

    @property
    def context(self) -> ActionContext:
        place = Place(self.execution, self.key, 1)
        key = f"{self.execution}/{self.key}"
        return ActionContext(ACME, place, key, self.clock, self.children, self.callbacks)

    @property
    def given(self) -> Any:
        return self.make().Parameters.model_validate(self.parameters)

    async def call(self, token: Any) -> Result:
        """Have a new process run it, or ask again with a token that came as JSON."""
        if token is None:
            return await self.make().run(self.given, self.context)
        return await self.make().poll(json.loads(json.dumps(token)), self.given, self.context)

    async def outputs(self, call: Callable[[Any], Awaitable[Result]] | None = None) -> dict[str, Any]:
        """What it comes to in the end; ``call`` has it run, or asks again."""
        result = await (call or self.call)(None)
        for _ in range(MOST_LOOKS):
            if isinstance(result, Completed):
                self.make().Outputs.model_validate(dict(result.outputs))
                outputs: dict[str, Any] = json.loads(json.dumps(dict(result.outputs)))
                return outputs
            assert isinstance(result, Pending), result
            await self.go_on()
            result = await (call or self.call)(result.token)
        raise AssertionError(f"it is pending for ever: {result}")

    async def give_up(self, token: Any) -> Result | None:
        """Have it stopped, for as long as that takes; what it was if it was done before."""
        result = await self.make().cancel(token, self.given, self.context)
        for _ in range(MOST_LOOKS):
            if not isinstance(result, Pending):
                return result
            await self.go_on()
            result = await self.make().cancel(result.token, self.given, self.context)
        raise AssertionError(f"it is being stopped for ever: {result}")

    async def foreseen(self) -> Foreseen:
        context = replace(self, children=self.dry_children or self.children).context
        result = await self.make().dry_run(self.given, context)
        for _ in range(MOST_LOOKS):
            if isinstance(result, Completed):  # what is pure is done
                return Foreseen({}, result.outputs, unknown=())
            if isinstance(result, Foreseen):
                return result
            await self.go_on()
            result = await self.make().poll(result.token, self.given, context)
        raise AssertionError(f"its dry run is pending for ever: {result}")

    async def undone(self, outputs: Mapping[str, Any]) -> None:
        """Undo a run with these outputs, as the plan says."""
        undoing = self.make().undone_by
        assert undoing is not None
        assert self.undo is not None
        assert self.undo().name == undoing.action
        same = {name: self.parameters[name] for name in undoing.same & self.parameters.keys()}
        given = {name: outputs[output] for name, output in undoing.outputs.items()}
        await replace(self, make=self.undo, parameters={**same, **given}, key="undo").outputs()

    def told(self, outputs: Mapping[str, Any]) -> Any:
        """The outputs as those of another world can be compared with them."""
        lasting = {name: value for name, value in outputs.items() if name not in self.varies}
        return self._named(lasting)

    async def seen(self) -> Any:
        """The world and what stays in it, likewise."""
        return self._named([await self.look(), await self.traces()])

    def _named(self, value: Any) -> Any:
        text = json.dumps(value).replace(self.name, "(name)").replace(self.execution, "(execution)")
        return json.loads(text)


type Opening = Callable[[Surroundings], AbstractAsyncContextManager[Specimen]]
