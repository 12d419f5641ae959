"""The actions port: what a step can do, and the catalogue of what there is.

An action is one kind of thing that a step can do.

Each class names itself, its parameters and its outputs as pydantic models, and says what repeating it would
mean. An attempt that fails raises :class:`ActionError`; one that takes long returns :class:`Pending` and is
polled later, so that nothing waits in between. In a dry run it is only asked what it would do.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Final, Protocol

from pydantic import BaseModel

from shared.domain.actions import EXECUTE, ActionSpec, SideEffect, Taking, Undoing
from shared.domain.failures import Failure
from shared.domain.places import Place
from shared.domain.waiting import POLL, Waiting
from shared.ports.callbacks import Callbacks
from shared.ports.children import Children
from shared.ports.clock import Clock
from shared.security.redaction import NOTHING, Redactor
from shared.security.scope import TenantScope

MAX_MESSAGE: Final = 4000
"""Characters of an error that are kept."""


class ActionError(Exception):
    """An attempt failed. ``code`` is stable, ``message`` is for the people who watch the execution.

    ``retryable`` says whether another attempt may end otherwise, and ``retry_after`` (seconds) when the
    other side asks to be left alone for so long. ``more`` is what else the step's error tells.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool,
        retry_after: float = 0,
        more: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after = retry_after
        self.more = more

    def to_json(self) -> dict[str, Any]:
        """As a step's error has it: short enough for a document, whatever was put into the message."""
        message = self.message
        if len(message) > MAX_MESSAGE:
            message = message[: MAX_MESSAGE - 1] + "…"
        return {"code": self.code, "message": message, **self.more}


@dataclass(frozen=True, slots=True)
class Completed:
    """The action is done; ``outputs`` is JSON."""

    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Pending:
    """The action goes on elsewhere: ask again with ``token`` (JSON) after ``delay`` seconds.

    ``waiting`` says what it waits for to those who watch; it is stored when the token is a new one. Unless
    what is waited for has its ``own_time``, the attempt fails when the step's timeout is over.
    """

    delay: float
    token: Any
    waiting: Waiting = POLL
    own_time: bool = False


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What the action would do, as far as that is known without doing it; all of it is JSON.

    ``would`` tells people what it would do. ``outputs`` are those that are known beforehand, and ``unknown``
    the names of those that only a real run can tell; None: all that ``outputs`` has not.
    """

    would: Mapping[str, Any]
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    unknown: Sequence[str] | None = None


type Result = Completed | Pending | Foreseen
"""What an action comes to; only in a dry run it is foreseen."""


@dataclass(frozen=True, slots=True)
class ActionContext:
    """What an attempt may know of its surroundings.

    ``idempotency_key`` is the same for every attempt of the step in this execution. ``place`` is where the
    attempt stands, ``children`` is who executes other intents for it, ``callbacks`` who
    lets others call it back. ``terminated`` says, when the action is
    to give up, that its execution ends at once, with nothing undone. ``redactor`` knows the secrets that the
    execution has been given.
    """

    scope: TenantScope
    place: Place
    idempotency_key: str
    clock: Clock
    children: Children
    callbacks: Callbacks
    terminated: bool = False
    redactor: Redactor = NOTHING

    @property
    def execution_id(self) -> str:
        return self.place.execution_id

    @property
    def step_id(self) -> str:
        return self.place.step

    @property
    def attempt(self) -> int:
        return self.place.attempt


class Action(ABC):
    """One action. ``run`` and ``poll`` get the parameters as an instance of ``Parameters``."""

    name: ClassVar[str]
    """Kebab-case, unique; a tenant's own is ``module/action``."""
    module: ClassVar[str]
    side_effect: ClassVar[SideEffect]
    conditions: ClassVar[frozenset[str]] = frozenset()
    """The parameters that are CEL expressions themselves, without ``${{ }}``."""
    urls: ClassVar[frozenset[str]] = frozenset()
    """The parameters that are URLs which the action calls."""
    takes_secrets: ClassVar[frozenset[str]] = frozenset()
    """The parameters that may have secrets in them: of what they are, the action keeps nothing, and it gives
    nothing of them to what does."""
    permission: ClassVar[str] = EXECUTE
    """The operation that somebody must be permitted for it to complete."""
    offers: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """What later steps may take from it: the kind of each, and the output that it is."""
    takes: ClassVar[Mapping[str, Taking]] = MappingProxyType({})
    """The parameters that, left out, are what earlier steps offer; their models have a default."""
    undone_by: ClassVar[Undoing | None] = None
    """What undoes it when it has completed and its execution fails, unless its step says otherwise.

    What it leaves behind when it fails itself, it must undo itself.
    """
    own_images: ClassVar[frozenset[str]] = frozenset()
    """The parameters that name images, of which those without a registry are built here."""
    failures: ClassVar[Sequence[Failure]] = ()
    """The codes that it fails with, beside those of any step (``domain/failures.py``)."""
    examples: ClassVar[Sequence[Mapping[str, Any]]] = ()
    """Steps with it, as intents may have them."""

    # Named as types, because that is what they are.
    Parameters: ClassVar[type[BaseModel]]
    Outputs: ClassVar[type[BaseModel]]
    """What it completes with. Anything else fails the step, so the model is as strict as it is meant."""

    def warm_up(self) -> None:  # noqa: B027 - most actions have nothing to load
        """Load what the first ``run`` would otherwise wait for. Called on any thread, once or never."""

    @abstractmethod
    async def run(self, parameters: Any, context: ActionContext) -> Result:
        """Do it.

        Raises:
            ActionError: it failed.
        """

    async def poll(self, token: Any, parameters: Any, context: ActionContext) -> Result:
        """Look how what ``run`` left pending stands; only for actions whose ``run`` does that.

        Raises:
            ActionError: it failed.
        """
        raise NotImplementedError(f"the action {self.name} is never pending")

    async def cancel(self, token: Any, parameters: Any, context: ActionContext) -> Result | None:
        """Stop what ``run`` has begun: the execution is cancelled, or the attempt has taken too long.

        None: nothing of it is left. ``Completed``: it was done before it could be stopped. ``Pending``: it is
        being stopped, so ask again. Without a ``token``, ``run`` was broken off and nobody knows how far it
        had come. Actions that cannot stop anything leave this as it is, and are never asked.

        Raises:
            ActionError: it could not be stopped; the step is cancelled, and tells that.
        """
        raise NotImplementedError(f"the action {self.name} stops nothing")

    @property
    def gives_up(self) -> bool:
        """Whether it can stop what it has begun."""
        return type(self).cancel is not Action.cancel

    @property
    def waits(self) -> bool:
        """Whether it may be left pending, and is polled then."""
        return type(self).poll is not Action.poll

    @property
    def foresees(self) -> bool:
        """Whether a dry run tells more of it than that it would be done."""
        return self.side_effect == "pure" or type(self).dry_run is not Action.dry_run

    def where(self, parameters: Mapping[str, Any]) -> str | None:
        """Where it takes effect, for whoever reads a plan: a registry, a cluster, ``local`` for this machine.

        ``parameters`` are as the plan has them, and may have expressions yet. None: that says nothing.
        """
        del parameters
        return None

    async def dry_run(self, parameters: Any, context: ActionContext) -> Result:
        """Say what ``run`` would do and come to, with no effect outside and without waiting.

        By default what is pure is done; of all else no more is known than that it would be.

        Raises:
            ActionError: it would fail.
        """
        if self.side_effect == "pure":
            return await self.run(parameters, context)
        return Foreseen({"run": self.name})


class Catalogue(Protocol):
    """Which actions there are."""

    def action(self, name: str) -> Action:
        """The action ``name``.

        Raises:
            LookupError: there is none.
        """
        ...

    def actions(self) -> Sequence[Action]:
        """All that can run."""
        ...

    def modules(self) -> Mapping[str, str]:
        """The modules that the actions are of, and what each is for."""
        ...

    def models(self) -> Mapping[str, type[BaseModel]]:
        """The models of the parameters of every action that intents may have."""
        ...

    def specs(self) -> Mapping[str, ActionSpec]:
        """The actions as definitions and plans see them."""
        ...
