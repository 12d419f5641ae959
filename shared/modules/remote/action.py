"""A tenant's own action: one call of its module's endpoint for each thing that an attempt does."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from shared.domain.failures import MODULE_CALLS
from shared.domain.manifests import ModuleVersion, RemoteAction, full_name
from shared.domain.modules import Schema
from shared.domain.parameters import violations
from shared.domain.times import parse_rfc3339, rfc3339
from shared.domain.waiting import Waiting
from shared.modules.remote.answers import Accepted, Done, Operation, parsed, unfit
from shared.modules.remote.calls import Calls, Message, Reply, message_id
from shared.ports.actions import Action, ActionContext, ActionError, Completed, Foreseen, Pending, Result

DONE, ACCEPTED = 200, 202
CALLED_BACK_WITHIN: Final = 86_400.0
"""Seconds for which an address to call back is good; a step's timeout does not count meanwhile."""


class Schemed(RootModel[dict[str, Any]]):
    """A JSON object under a JSON Schema, in the place of a model."""

    schema_: ClassVar[Schema] = {}
    of_: ClassVar[str] = ""

    @classmethod
    def model_validate(cls, obj: Any, **_: Any) -> "Schemed":
        """As every model does it: all that is wrong is told at once, with its places."""
        found = [
            InitErrorDetails(
                # The message is no template: what is in braces stays so.
                type=PydanticCustomError("schema", "{said}", {"said": message}),
                loc=tuple(path),
                input=None,
            )
            for path, _, message in violations(cls.schema_, obj, of=cls.of_)
        ]
        if found:
            raise ValidationError.from_exception_data(cls.of_, found)
        return cls.model_construct(obj)

    @classmethod
    def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Any]:
        return dict(cls.schema_)


class ModuleAction(Action):
    """What every tenant's own action does; a subclass says which it is."""

    manifest: ClassVar[RemoteAction]
    version: ClassVar[ModuleVersion]
    verb: ClassVar[str]
    """Its name within the module."""

    def __init__(self, calls: Calls, keys: Sequence[str]) -> None:
        self._calls = calls
        self._keys = keys

    @property
    def gives_up(self) -> bool:
        return "cancel" in self.manifest.supports

    @property
    def waits(self) -> bool:
        return bool({"poll", "callback"} & set(self.manifest.supports))

    @property
    def foresees(self) -> bool:
        return "dry_run" in self.manifest.supports

    def where(self, parameters: Mapping[str, Any]) -> str | None:
        del parameters
        return self.version.endpoint

    async def run(self, parameters: Schemed, context: ActionContext) -> Result:
        more: dict[str, Any] = {}
        until = None
        if "callback" in self.manifest.supports:
            opened = await context.callbacks.open(context.scope, context.place, seconds=CALLED_BACK_WITHIN)
            more, until = {"callback": {"url": opened.address, "until": rfc3339(opened.until)}}, opened.until
        return self._result(await self._ask("run", parameters, context, more), context, until)

    async def poll(self, token: Any, parameters: Schemed, context: ActionContext) -> Result:
        if "callback" in token:
            return await self._called_back(token, context)
        try:
            reply = await self._ask("poll", parameters, context, {"token": token["poll"]})
            return self._result(reply, context)
        except ActionError as error:
            if not error.retryable or error.code not in _AWAY:
                raise
            # What goes on elsewhere goes on; it is asked again for as long as the attempt has time.
            return Pending(error.retry_after or token["after"], token)

    async def cancel(self, token: Any, parameters: Schemed, context: ActionContext) -> Result | None:
        """Without a token nobody knows what the endpoint was told: it is asked by the idempotency key."""
        known = token.get("poll") if token else None
        reply = await self._ask("cancel", parameters, context, {"token": known})
        if reply.status == ACCEPTED:
            return self._result(reply, context)
        done = parsed(Done, reply.body, self._place("cancel"))
        if done.error is not None:
            raise done.error.error()
        return None if done.outputs is None else Completed(done.outputs)

    async def dry_run(self, parameters: Schemed, context: ActionContext) -> Foreseen:
        """Nothing is asked of what cannot say beforehand; secrets are marks in what is asked."""
        if not self.foresees:
            return Foreseen({"call": self.name, "at": self.version.endpoint})
        reply = await self._ask("dry_run", parameters, context, {})
        if reply.status != DONE:
            raise unfit(f"{self._place('dry_run')} answered {reply.status}, and a dry run does not wait")
        done = parsed(Done, reply.body, self._place("dry_run"))
        if done.error is not None:
            raise done.error.error()
        return Foreseen(done.would or {"call": self.name}, done.outputs or {}, unknown=done.unknown)

    async def _called_back(self, token: Any, context: ActionContext) -> Result:
        callback = await context.callbacks.look(context.scope, context.place)
        if callback.answer is None:
            if callback.status == "open":
                return _awaited(callback.until, context)
            late = f"{self.name} did not call back until {rfc3339(callback.until)}"
            raise ActionError("MODULE_TIMEOUT", late, retryable=True)
        if callback.answer.error is not None:
            error = callback.answer.error
            raise ActionError(error["code"], error["message"], retryable=True)
        del token
        return Completed(callback.answer.outputs)

    def _result(self, reply: Reply, context: ActionContext, until: datetime | None = None) -> Result:
        place = self._place("run")
        if reply.status == DONE:
            done = parsed(Done, reply.body, place)
            if done.error is not None:
                raise done.error.error()
            if done.outputs is None:
                raise unfit(f"{place} answered 200 with neither 'outputs' nor an 'error'")
            return Completed(done.outputs)
        accepted = parsed(Accepted, reply.body, place)
        if accepted.poll is not None:
            if "poll" not in self.manifest.supports:
                raise unfit(f"{place} answered that it is to be polled, which its manifest has not")
            after = accepted.poll.after
            return Pending(after, {"poll": accepted.poll.token, "after": after})
        if until is None:
            raise unfit(f"{place} answered 202 without 'poll', and its manifest has no 'callback'")
        return _awaited(until, context)

    async def _ask(
        self, operation: Operation, parameters: Schemed, context: ActionContext, more: Mapping[str, Any]
    ) -> Reply:
        place, now = context.place, context.clock.now()
        body = {
            "operation": operation,
            "module": self.module,
            "version": self.version.version,
            "action": self.verb,
            "parameters": parameters.root,
            "execution": place.execution_id,
            "step": place.step,
            **({} if place.item is None else {"item": place.item}),
            "attempt": place.attempt,
            **more,
        }
        message = Message(
            tenant_id=context.scope.tenant_id,
            endpoint=self.version.endpoint,
            action=self.verb,
            operation=operation,
            id=message_id(context.idempotency_key, place.attempt, operation, more.get("token")),
            idempotency_key=context.idempotency_key,
            keys=self._keys,
            body=body,
            seconds=self.manifest.timeout,
        )
        return await self._calls.call(message, now)

    def _place(self, operation: Operation) -> str:
        return f"{self.name} ({operation})"


_AWAY: Final = frozenset({"MODULE_UNAVAILABLE", "MODULE_TIMEOUT", "MODULE_CONNECTION", "MODULE_CIRCUIT_OPEN"})
"""That the endpoint could not be asked; what it says itself of the work is something else."""


def _awaited(until: datetime, context: ActionContext) -> Pending:
    delay = max(0.0, (until - context.clock.now()).total_seconds())
    token = {"callback": rfc3339(until)}
    return Pending(delay, token, Waiting("callback", parse_rfc3339(token["callback"])), own_time=True)


def class_of(version: ModuleVersion, name: str) -> type[ModuleAction]:
    """The class of one action of a module.

    Raises:
        LookupError: its manifest has none of that name.
    """
    manifest, full = version.manifest.actions[name], full_name(version.name, name)
    return type(
        full,
        (ModuleAction,),
        {
            "__doc__": manifest.description,
            "name": full,
            "module": version.name,
            "verb": name,
            "version": version,
            "manifest": manifest,
            "side_effect": manifest.side_effect,
            "takes_secrets": frozenset(manifest.takes_secrets),
            "undone_by": version.undoing(manifest),
            "examples": manifest.examples,
            "Parameters": _model(manifest.parameters, f"the parameters of {full}"),
            "Outputs": _model(manifest.outputs, f"the outputs of {full}"),
        },
    )


def _model(schema: Schema, of: str) -> type[BaseModel]:
    return type("Schemed", (Schemed,), {"schema_": schema, "of_": of})


class Nothing(Action):
    """What stands for an action that is not there any more."""

    module = ""
    side_effect = "pure"
    failures = MODULE_CALLS
    Parameters: ClassVar[type[BaseModel]] = Schemed
    Outputs: ClassVar[type[BaseModel]] = Schemed

    def __init__(self, name: str) -> None:
        self.name = name  # type: ignore[misc]  # one class for all that is gone

    async def run(self, parameters: Any, context: ActionContext) -> Result:
        del parameters, context
        raise self._gone()

    async def poll(self, token: Any, parameters: Any, context: ActionContext) -> Result:
        del token, parameters, context
        raise self._gone()

    def _gone(self) -> ActionError:
        message = (
            f"the action '{self.name}' is not there any more: its module, or the version that this execution "
            "was planned with, was deleted"
        )
        return ActionError("MODULE_GONE", message, retryable=False)
