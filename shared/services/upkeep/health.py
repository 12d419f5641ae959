"""Whether what the platform depends on serves now, and if not, why."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from shared.domain.causes import FAILING, SLOW, Cause
from shared.domain.errors import UnavailableError
from shared.ports.orchestrations import Orchestrations
from shared.ports.tokens import Tokens
from shared.services.watched import WatchedDocuments, WatchedEvents, WatchedSecrets

PATIENCE = 2.0
"""Seconds for which an answer is waited for; a question goes on behind it, for who asks next."""
LIFE = 1.0
"""Seconds for which an answer is good: however many ask, a dependency is asked no more often."""
EVENTS_LIFE = 30.0
"""The same of the hub, which nobody's request waits for; asking takes a connection of its own."""

VITAL = frozenset({"documents", "orchestrations", "tokens"})
"""What requests need. Without the others the platform works on and catches up: the hub's events wait in the
documents that they were stored with, and steps that need a secret wait for the vault."""

_log = logging.getLogger(__name__)

type Question = Callable[[], Awaitable[object]]


class Health:
    """Asks each dependency something harmless, all at once."""

    def __init__(
        self,
        *,
        documents: WatchedDocuments,
        events: WatchedEvents,
        secrets: WatchedSecrets,
        orchestrations: Orchestrations,
        tokens: Tokens,
    ) -> None:
        self._dependencies = {
            "documents": _Dependency("documents", documents.check),
            "orchestrations": _Dependency(
                "orchestrations", lambda: orchestrations.status(instance_id="health")
            ),
            "tokens": _Dependency("tokens", tokens.ready),
            "events": _Dependency("events", events.check, life=EVENTS_LIFE),
            "secrets": _Dependency("secrets", secrets.check),
        }

    async def check(self) -> Mapping[str, Cause | None]:
        """Each dependency by name, and why it does not serve; None if it does."""
        answers = await asyncio.gather(*(one.stands() for one in self._dependencies.values()))
        return dict(zip(self._dependencies, answers, strict=True))

    async def begin(self) -> None:
        """Ask what the first request will need, so that what is wrong is in the log before somebody comes.

        The orchestrations are left out: no call has said yet where they are.
        """
        await asyncio.gather(*(self._dependencies[name].stands() for name in ("documents", "tokens")))


class _Dependency:
    """One dependency, asked one question at a time; its last answer is kept for a moment."""

    def __init__(self, name: str, question: Question, *, life: float = LIFE) -> None:
        self._name = name
        self._question = question
        self._life = life
        self._asking: asyncio.Task[None] | None = None
        self._good_until = 0.0
        self._cause: Cause | None = None

    async def stands(self) -> Cause | None:
        loop = asyncio.get_running_loop()
        if self._asking is None or (self._asking.done() and loop.time() >= self._good_until):
            self._asking = loop.create_task(self._ask())
        answered, _ = await asyncio.wait({self._asking}, timeout=PATIENCE)
        return self._cause if answered else self._cause or SLOW

    async def _ask(self) -> None:
        try:
            await self._question()
        except UnavailableError as error:
            self._learn(error.cause, error)
        except Exception as error:  # noqa: BLE001 - readiness answers, whatever is broken
            _log.exception("asking %s failed unexpectedly", self._name)
            self._learn(FAILING, error)
        else:
            self._learn(None)
        self._good_until = asyncio.get_running_loop().time() + self._life

    def _learn(self, cause: Cause | None, error: Exception | None = None) -> None:
        """Take the answer in; the log is told when it is another than before."""
        if cause is not None and cause is not self._cause:
            _log.warning("%s: %s (%s). To do: %s", self._name, cause.reason, error, cause.remedy)
        elif cause is None and self._cause is not None:
            _log.info("%s: it serves again", self._name)
        self._cause = cause
