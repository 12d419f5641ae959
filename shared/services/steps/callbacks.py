"""Callbacks: an attempt is given an address, and whoever was told it says what the attempt came to.

The address is the attempt's place, sealed: nothing of it is stored, and nothing has to be found by it. What
is said is stored on condition that nothing was, with its event and the nudge that wakes the step, so that it
counts once; it is looked for by writes, which give back no old state. Of a call and the end of the time that
there is for it, one wins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import orjson

from shared import logs
from shared.domain.callbacks import Answer, Callback, Opened
from shared.domain.errors import (
    ConflictError,
    DocumentExistsError,
    DocumentMissingError,
    DocumentStaleError,
    NotFoundError,
)
from shared.domain.places import Place
from shared.domain.times import parse_rfc3339, rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import EXECUTIONS, Create, Document, Documents, Operation, Patch, Path
from shared.ports.telemetry import NOTHING
from shared.security.scope import TenantScope
from shared.services.executions.heads import unended
from shared.services.executions.nudges import Nudges
from shared.services.executions.runs import Runs, item_document_id, step_document_id
from shared.services.records import event
from shared.services.secrets.sealing import Addresses
from shared.services.steps.attempts import HEAD
from shared.services.steps.disclosures import Disclosures
from shared.workflow.steering import asking

KIND: Final = "callback"
PATH: Final = "/api/v1/callbacks/"
_WAITING: Final = frozenset({"running", "waiting"})
"""The statuses of an attempt that has not come to its end; it may be called before it says that it waits."""
UNKNOWN: Final = "There is nothing to be called back here"
"""Whatever is wrong with an address, this is all that is said."""


@dataclass(frozen=True, slots=True)
class Called:
    """Whom an address is of."""

    scope: TenantScope
    place: Place
    token: str = field(repr=False)


class Callbacks:
    """``host_url`` is where this installation is reached."""

    def __init__(
        self,
        *,
        documents: Documents,
        runs: Runs,
        nudges: Nudges,
        addresses: Addresses,
        disclosures: Disclosures,
        clock: Clock,
        host_url: str,
    ) -> None:
        self._documents = documents
        self._runs = runs
        self._nudges = nudges
        self._addresses = addresses
        self._disclosures = disclosures
        self._clock = clock
        self._base = host_url + PATH

    async def open(self, scope: TenantScope, place: Place, *, seconds: float) -> Opened:
        """As the port says."""
        until = self._clock.now() + timedelta(seconds=seconds)
        body = {
            "id": _document_id(place),
            "kind": KIND,
            "status": "open",
            "until": rfc3339(until),
            "answer": None,
            "looks": 0,
        }
        try:
            await self._transact(scope, place, Create(body))
        except DocumentExistsError:  # an earlier delivery has opened it
            until = (await self.look(scope, place)).until
        said = orjson.dumps([scope.tenant_id, *place.to_json().values()]).decode()
        return Opened(self._base + self._addresses.address(said), until)

    async def look(self, scope: TenantScope, place: Place) -> Callback:
        """As the port says."""
        while True:
            callback = await self._look(scope, place)
            if callback is None:
                raise LookupError(f"no callback was opened for {place}")
            if callback.status != "open" or callback.until > self._clock.now():
                return callback
            expired = Patch(_document_id(place), set={("status",): "expired"}, where={("status",): "open"})
            try:
                await self._transact(scope, place, expired)
            except DocumentStaleError:
                continue  # somebody called meanwhile
            return Callback("expired", callback.until)

    def called(self, token: str) -> Called:
        """Whom the end of an address is of.

        Raises:
            NotFoundError: it is not of this installation's making.
        """
        said = self._addresses.text(token)
        if said is None:
            raise NotFoundError(UNKNOWN)
        tenant_id, *place = orjson.loads(said)
        # The platform's own words: nobody else can make an address.
        return Called(TenantScope(tenant_id), Place(*place), token)

    async def require_awaited(self, called: Called) -> None:
        """Let pass what somebody waits for, or has waited for and was told.

        Raises:
            NotFoundError: nobody does, or not any more.
        """
        callback = await self._look(called.scope, called.place)
        if callback is None or callback.status == "expired":
            raise NotFoundError(UNKNOWN)
        if callback.status == "open" and (
            callback.until <= self._clock.now() or await self._standing(called) is None
        ):
            raise NotFoundError(UNKNOWN)

    async def receive(self, called: Called, answer: Answer) -> None:
        """Take what was said where :meth:`require_awaited` let pass, and wake the step.

        It is kept without the secrets that the execution knows.

        To say the same again changes nothing.

        Raises:
            ValidationFailedError: it is no answer.
            NotFoundError: nobody waits for it any more.
            ConflictError: something else was said before.
        """
        answer.require_whole()
        answer = await self._cleaned(called, answer.without(called.token))
        scope, place = called.scope, called.place
        kept = {"hash": answer.hash, "json": orjson.dumps(answer.to_json()).decode()}
        taken = Patch(
            _document_id(place),
            set={("status",): "answered", ("answer",): kept},
            where={("status",): "open"},
        )
        with logs.about(tenant_id=scope.tenant_id, execution_id=place.execution_id):
            nudge = self._nudges.nudge(asking(place.step, place.item))
            told = Create(await self._told(called, answer))
            while (standing := await self._standing(called)) is not None:
                try:
                    await self._transact(scope, place, unended(), taken, standing, told, nudge)
                except (DocumentStaleError, DocumentExistsError):
                    callback = await self._look(scope, place)
                    if callback is None or callback.status != "open":
                        break
                    continue  # the step has gone on, and may wait still
                await self._nudges.send(scope, place.execution_id, nudge)
                return
            await self._require_same(called, answer)

    async def _cleaned(self, called: Called, answer: Answer) -> Answer:
        run = await self._runs.load(called.scope, called.place.execution_id)
        if run is None:
            return answer
        return Answer(**await self._disclosures.without(called.scope, run, answer.to_json()))

    async def _require_same(self, called: Called, answer: Answer) -> None:
        callback = await self._look(called.scope, called.place)
        if callback is None or callback.answer is None:
            raise NotFoundError(UNKNOWN)
        if callback.answer.hash != answer.hash:
            raise ConflictError("Something else was said here before, and that stands")

    async def _told(self, called: Called, answer: Answer) -> dict[str, Any]:
        place = called.place
        run = await self._runs.load(called.scope, place.execution_id)
        about: Mapping[str, Any] = {
            "step": place.step,
            **({} if place.item is None else {"item": place.item}),
            "attempt": place.attempt,
            **({"compensation": True} if place.compensates else {}),
            "status": answer.status,
            **({"error": answer.error} if answer.error else {}),
            **(run.mark if run else NOTHING),
        }
        return event(
            key=_key(place),
            type="callback_received",
            now=self._clock.now(),
            data=about,
            trace=run.trace if run else NOTHING,
        )

    async def _standing(self, called: Called) -> Patch | None:
        """A write on condition that the attempt stands where it does; None: it, or its execution, has ended.

        So nothing is told of a callback behind the end of its step. An execution that is terminated ends
        before what undoes its steps has.
        """
        place = called.place
        head = await self._read(called, HEAD)
        if head is None or head["finished_at"] is not None:
            return None
        stored = step_document_id(place.step)
        if place.item is not None:
            stored = item_document_id(place.step, place.item)
        at: Path = ("compensation",) if place.compensates else ()
        state = await self._read(called, stored)
        if state is not None and place.compensates:
            state = state.get("compensation")
        if state is None or state["attempts"] != place.attempt or state["status"] not in _WAITING:
            return None
        standing: dict[Path, Any] = {(*at, name): state[name] for name in ("status", "attempts")}
        return Patch(stored, set={(*at, "called"): True}, where=standing)

    async def _read(self, called: Called, id: str) -> Mapping[str, Any] | None:
        document = await self._documents.read(
            called.scope, container=EXECUTIONS, partition=called.place.execution_id, id=id
        )
        return document.body if document else None

    async def _look(self, scope: TenantScope, place: Place) -> Callback | None:
        try:
            (document,) = await self._transact(
                scope, place, Patch(_document_id(place), increment={("looks",): 1})
            )
        except DocumentMissingError:
            return None
        assert document is not None  # a patch gives back what it stored
        body = document.body
        answer = Answer(**orjson.loads(body["answer"]["json"])) if body["answer"] else None
        return Callback(body["status"], parse_rfc3339(body["until"]), answer)

    async def _transact(
        self, scope: TenantScope, place: Place, *operations: Operation
    ) -> Sequence[Document | None]:
        return await self._documents.transact(
            scope, container=EXECUTIONS, partition=place.execution_id, operations=operations
        )


def _document_id(place: Place) -> str:
    return f"{KIND}:{_key(place)}"


def _key(place: Place) -> str:
    return f"{place.key.replace('/', ':')}:{place.attempt}"
