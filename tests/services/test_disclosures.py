"""Secrets in steps: given to the action and to nobody else, and kept out of whatever it says."""

import base64
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import pytest

from shared.domain.callbacks import Answer
from shared.domain.errors import ForbiddenError, UnavailableError
from shared.domain.executions import Execution
from shared.domain.intents import NewIntent
from shared.domain.policies import NewPolicy
from shared.domain.retrying import Retrial
from shared.domain.secrets import NewSecret
from shared.domain.waiting import Waiting
from shared.modules.children import RunIntent
from shared.modules.http import HttpRequest
from shared.ports.actions import ActionContext, ActionError, Completed, Pending
from shared.ports.documents import TENANCY
from shared.security.egress import EgressPolicy
from shared.services.secrets.values import SecretValues
from shared.services.steps.disclosures import BYTES_OF_TENANT, MEMORY
from tests.fakes.actions import Scripted
from tests.fakes.documents import LaggingDocuments
from tests.leaks import leaks
from tests.services.conftest import Workshop, composed
from tests.services.running import run
from tests.stores import BOTH_STORES

VALUE, NEXT = "hunter2-and-more", "correct horse battery"
STEP: dict[str, Any] = {"id": "a", "action": "send", "token": "Bearer ${{ secrets.TOKEN }}"}


class Sending(Scripted):
    """Remembers what it was given, and does as it is told with it."""

    def __init__(self) -> None:
        super().__init__("send", "idempotent", self._echo)
        self.given: list[str] = []

    def _echo(self, parameters: Any, _context: ActionContext) -> Completed | Pending:
        self.given.append(parameters.token)
        return Completed({"echo": parameters.token})

    async def poll(self, token: Any, parameters: Any, context: ActionContext) -> Completed | Pending:
        return self.behaviour(parameters, context)

    async def cancel(self, token: Any, parameters: Any, context: ActionContext) -> Completed | None:
        self.given.append(f"stopped with {parameters.token}")
        return None


@pytest.fixture(autouse=True)
def action(workshop: Workshop) -> Sending:
    sending = Sending()
    workshop.catalogue.use(sending)
    return sending


async def put(workshop: Workshop, value: str = VALUE, name: str = "TOKEN") -> None:
    await workshop.secrets.put(workshop.ada, name, NewSecret(value))


async def step(workshop: Workshop, execution: Execution, place: int = 0) -> Mapping[str, Any]:
    return (await workshop.executions.get(workshop.ada, execution.execution_id)).steps[place].to_json()


async def told(workshop: Workshop, execution: Execution) -> str:
    """Everything that anybody is told of an execution."""
    found = asdict(await workshop.executions.get(workshop.ada, execution.execution_id))
    return json.dumps([found, await workshop.events(execution)], default=str)


@BOTH_STORES
async def test_the_action_gets_the_value_and_what_it_says_is_kept_without(
    workshop: Workshop, action: Sending
) -> None:
    await put(workshop)
    execution = await workshop.execute(STEP)
    assert await workshop.attempt(execution, "a", first=True) == {"status": "completed"}
    assert action.given == ["Bearer " + VALUE]
    assert (await step(workshop, execution))["outputs"] == {"echo": "Bearer ***TOKEN***"}
    assert not leaks(await told(workshop, execution), [VALUE])
    secret, use, users = await workshop.secrets.get(workshop.ada, "TOKEN")
    assert (secret.version, users) == (1, ["deploy"])
    assert use is not None
    assert (use.execution_id, use.step) == (execution.execution_id, "a")


async def test_a_secret_that_there_is_not_fails_the_step_and_the_message_says_what_to_do(
    workshop: Workshop, action: Sending
) -> None:
    execution = await workshop.execute({**STEP, "retry": {"max_attempts": 3}})
    outcome = await workshop.attempt(execution, "a", first=True)
    assert (outcome["status"], outcome["error"]["code"]) == ("failed", "SECRET_MISSING")
    assert outcome["error"]["message"] == (
        "there is no secret 'TOKEN': PUT its value to /api/v1/secrets/TOKEN, and retry the execution"
    )
    assert action.given == []


async def test_a_replica_that_is_behind_does_not_make_a_secret_missing(
    workshop: Workshop, action: Sending
) -> None:
    """That there is none may only be that this process has not seen it: it writes, and looks again."""

    behind = LaggingDocuments(workshop.documents)
    await behind.lag(workshop.ada.scope, TENANCY, "secrets")
    await put(workshop)
    execution = await workshop.execute(STEP)
    other = composed(behind, workshop.clock, vault=workshop.vault)
    other.catalogue.use(action)
    assert (await other.attempt(execution, "a", first=True))["status"] == "completed"
    await behind.lag(workshop.ada.scope, TENANCY, "secrets")
    await put(workshop, NEXT, "OTHER")
    values = SecretValues(documents=behind, vault=workshop.vault, clock=workshop.clock)
    assert await values.existing(workshop.ada.scope, ["OTHER", "NONE"]) == ["OTHER"]


async def test_one_that_was_deleted_meanwhile_is_not_there_either(
    workshop: Workshop, action: Sending
) -> None:
    await put(workshop)
    execution = await workshop.execute(STEP)
    await workshop.secrets.delete(workshop.ada, "TOKEN", even_if_used=True)
    assert (await workshop.attempt(execution, "a", first=True))["error"]["code"] == "SECRET_MISSING"
    assert action.given == []


async def test_one_that_could_not_be_kept_out_of_what_is_recorded_is_not_used(
    workshop: Workshop, action: Sending
) -> None:
    """Nobody can put such a one; its vault may have one all the same."""
    await put(workshop)
    execution = await workshop.execute(STEP)
    for versions in workshop.vault._versions.values():
        versions[:] = [replace(one, value="'\"'\"'\"'\"") for one in versions]
    assert (await workshop.attempt(execution, "a", first=True))["error"]["code"] == "SECRET_UNFIT"
    assert action.given == []


async def test_a_vault_that_is_away_is_waited_for_before_anything_is_done(
    workshop: Workshop, action: Sending
) -> None:
    await put(workshop)
    execution = await workshop.execute(STEP)
    workshop.vault.away = True
    with pytest.raises(UnavailableError):
        await workshop.attempt(execution, "a", first=True)
    assert await workshop.types(execution) == ["execution_started"]
    workshop.vault.away = False
    assert (await workshop.attempt(execution, "a", first=True))["status"] == "completed"
    assert action.given == ["Bearer " + VALUE]


async def test_another_attempt_gets_the_value_that_was_put_meanwhile_and_hides_both(
    workshop: Workshop, action: Sending
) -> None:
    def fail(parameters: Any, _context: ActionContext) -> Completed:
        action.given.append(parameters.token)
        raise ActionError("DENIED", f"{parameters.token} is wrong, not {VALUE}", retryable=True)

    await put(workshop)
    execution = await workshop.execute({**STEP, "retry": {"max_attempts": 2}})
    action.behaviour = fail
    assert (await workshop.attempt(execution, "a", first=True))["status"] == "retry"
    await put(workshop, NEXT)
    outcome = await workshop.attempt(execution, "a", 2)
    assert outcome["error"]["message"] == "Bearer ***TOKEN*** is wrong, not ***TOKEN***"
    assert action.given == ["Bearer " + VALUE, "Bearer " + NEXT]
    assert not leaks(await told(workshop, execution), [VALUE, NEXT])


async def test_errors_are_cleaned_before_they_are_cut(workshop: Workshop, action: Sending) -> None:
    def fail(parameters: Any, _context: ActionContext) -> Completed:
        more = {"seen": {parameters.token: [base64.b64encode(parameters.token.encode()).decode()]}}
        raise ActionError(VALUE, "x" * 3990 + parameters.token, retryable=False, more=more)

    await put(workshop)
    execution = await workshop.execute(STEP)
    action.behaviour = fail
    outcome = await workshop.attempt(execution, "a", first=True)
    assert outcome["error"]["code"] == "***TOKEN***"
    assert "hunter" not in json.dumps(outcome)
    assert not leaks(json.dumps(outcome) + await told(workshop, execution), [VALUE])


async def test_what_waits_elsewhere_and_what_is_stopped_and_undone_is_given_it_too(
    workshop: Workshop, action: Sending
) -> None:
    def begin(parameters: Any, _context: ActionContext) -> Pending:
        action.given.append(parameters.token)
        return Pending(5, {"job": 7}, Waiting("poll", facts={"where": f"at {parameters.token}"}))

    await put(workshop)
    undo = {"action": "send", "token": "undo ${{ secrets.TOKEN }}"}
    execution = await workshop.execute({**STEP, "compensate": undo})
    done, action.behaviour = action.behaviour, begin
    outcome = await workshop.attempt(execution, "a", first=True)
    assert outcome["token"] == {"job": 7}
    assert (await step(workshop, execution))["waiting"][0]["where"] == "at Bearer ***TOKEN***"
    action.behaviour = done
    assert (await workshop.attempt(execution, "a", token={"job": 7}))["status"] == "completed"
    assert (await workshop.attempt(execution, "a", compensates=True))["status"] == "completed"
    assert action.given == ["Bearer " + VALUE, "Bearer " + VALUE, "undo " + VALUE]
    other = await workshop.execute(STEP, name="other")
    action.behaviour = begin
    await workshop.attempt(other, "a", first=True)
    await workshop.attempt(other, "a", token={"job": 7}, gives_up="cancel")
    assert action.given[-1] == "stopped with Bearer " + VALUE
    assert not leaks(await told(workshop, execution) + await told(workshop, other), [VALUE])


async def test_nothing_is_waited_with_that_has_the_value_in_it(workshop: Workshop, action: Sending) -> None:
    await put(workshop)
    execution = await workshop.execute(STEP)
    action.behaviour = lambda given, _: Pending(5, {"poll": f"https://a/?k={given.token[7:]}"})
    outcome = await workshop.attempt(execution, "a", first=True)
    assert (outcome["status"], outcome["error"]["code"]) == ("failed", "SECRET_KEPT")
    assert "'TOKEN'" in outcome["error"]["message"]
    assert not leaks(json.dumps(outcome) + await told(workshop, execution), [VALUE])


async def test_a_later_step_that_finds_it_elsewhere_does_not_tell_it_either(
    workshop: Workshop, action: Sending
) -> None:
    """The plan mentions the secret, so every step of it keeps quiet, in every process."""
    await put(workshop)
    found = Completed({"stored": f"token={VALUE}", "hex": VALUE.encode().hex(), VALUE: 1})
    workshop.catalogue.add("read", lambda *_: found)
    execution = await workshop.execute(STEP, {"id": "b", "action": "read"}, {"id": "c", "action": "read"})
    for name in ("a", "b"):
        await workshop.attempt(execution, name)
    other = composed(workshop.documents, workshop.clock, vault=workshop.vault)
    other.catalogue.use(workshop.catalogue.action("read"))
    assert (await other.attempt(execution, "c"))["status"] == "completed"
    wanted = {"stored": "token=***TOKEN***", "hex": "***TOKEN***", "***TOKEN***": 1}
    assert (await step(workshop, execution, 1))["outputs"] == wanted
    assert (await step(workshop, execution, 2))["outputs"] == wanted


async def test_another_execution_that_finds_it_keeps_quiet_where_it_was_given_out_lately(
    workshop: Workshop, action: Sending
) -> None:
    await put(workshop)
    workshop.catalogue.add("read", lambda *_: Completed({"stored": VALUE}))
    await workshop.attempt(await workshop.execute(STEP), "a", first=True)
    for count, (after, shown) in enumerate([(0.0, "***TOKEN***"), (MEMORY + 1, VALUE)]):
        workshop.clock.advance(after)
        other = await workshop.execute({"id": "b", "action": "read"}, name=f"other{count}")
        await workshop.attempt(other, "b", first=True)
        assert (await step(workshop, other))["outputs"] == {"stored": shown}


async def test_another_tenants_secrets_are_nothing_to_it(workshop: Workshop, action: Sending) -> None:
    await put(workshop)
    await workshop.attempt(await workshop.execute(STEP), "a", first=True)
    eve = replace(
        workshop.ada,
        scope=type(workshop.ada.scope)("globex"),
        principal=replace(workshop.ada.principal, tenant_id="globex"),
    )
    globex = replace(workshop, ada=eve)
    globex.catalogue.add("read", lambda *_: Completed({"word": VALUE}))
    execution = await globex.execute({"id": "b", "action": "read"})
    await globex.attempt(execution, "b", first=True)
    assert (await step(globex, execution))["outputs"] == {"word": VALUE}
    lost = await globex.execute(STEP, name="lost")
    assert (await globex.attempt(lost, "a", first=True))["error"]["code"] == "SECRET_MISSING"


async def test_more_values_than_are_remembered_are_still_kept_out_of_what_uses_them(
    workshop: Workshop, action: Sending
) -> None:
    names = [f"S{place}" for place in range(2 * BYTES_OF_TENANT // 24_000)]
    values = [f"{place:06}" + "x%y" * 7_990 for place in range(len(names))]
    for name, value in zip(names, values, strict=True):
        await put(workshop, value, name)
    steps = [{**STEP, "id": name, "token": f"${{{{ secrets.{name} }}}}"} for name in names]
    execution = await workshop.execute(*steps)
    await workshop.attempt(execution, names[0], first=True)
    action.behaviour = lambda *_: Completed({"all": values})
    await workshop.attempt(execution, names[1])
    assert (await step(workshop, execution, 1))["outputs"] == {"all": [f"***{name}***" for name in names]}


async def test_items_each_get_it_and_none_tells(workshop: Workshop, action: Sending) -> None:
    await put(workshop)
    each = {**STEP, "foreach": ["x", "y"], "token": "${{ item }}:${{ secrets.TOKEN }}"}
    execution = await workshop.execute(each)
    await workshop.attempt(execution, "a", first=True)
    for place in (0, 1):
        await workshop.attempt(execution, "a", item=place)
    await workshop.attempt(execution, "a", collect=True)
    assert action.given == [f"x:{VALUE}", f"y:{VALUE}"]
    assert not leaks(await told(workshop, execution), [VALUE])


async def test_what_is_large_is_stored_without_it(workshop: Workshop, action: Sending) -> None:
    await put(workshop)
    execution = await workshop.execute(STEP)
    action.behaviour = lambda given, _: Completed({"rows": [{"n": n, "t": given.token} for n in range(5000)]})
    await workshop.attempt(execution, "a", first=True)
    outputs = await workshop.outputs.of_step(workshop.ada, execution.execution_id, "a")
    assert b"***TOKEN***" in outputs.text
    assert not leaks(outputs.text, [VALUE])


async def test_an_action_that_breaks_puts_it_into_no_log(
    workshop: Workshop, action: Sending, caplog: pytest.LogCaptureFixture, identified: None
) -> None:
    def break_(parameters: Any, _context: ActionContext) -> Completed:
        logging.getLogger("a.library").warning("sending %s", parameters.token)
        raise RuntimeError(parameters.token)

    await put(workshop)
    execution = await workshop.execute(STEP)
    action.behaviour = break_
    with caplog.at_level(logging.DEBUG):
        assert (await workshop.attempt(execution, "a", first=True))["error"]["code"] == "INTERNAL"
    assert "sending Bearer ***TOKEN***" in caplog.text
    assert "RuntimeError: Bearer ***TOKEN***" in caplog.text
    assert not leaks(caplog.text, [VALUE])


async def test_whoever_calls_back_with_it_has_it_kept_nowhere(workshop: Workshop, action: Sending) -> None:
    class Ringing(Sending):
        async def run(self, parameters: Any, context: ActionContext) -> Pending:
            opened = await context.callbacks.open(context.scope, context.place, seconds=600)
            return Pending(600, opened.address.rpartition("/")[2], own_time=True)

        async def poll(self, token: Any, parameters: Any, context: ActionContext) -> Completed:
            callback = await context.callbacks.look(context.scope, context.place)
            assert callback.answer is not None
            return Completed(callback.answer.outputs)

    await put(workshop)
    workshop.catalogue.use(Ringing())
    execution = await workshop.execute(STEP)
    token = (await workshop.attempt(execution, "a", first=True))["token"]
    called = workshop.callbacks.called(token)
    answer = Answer("completed", {"seen": f"Basic {base64.b64encode(f'u:{VALUE}'.encode()).decode()}"})
    for _ in range(2):
        await workshop.callbacks.receive(called, answer)
    stored = await workshop.callbacks._look(called.scope, called.place)
    assert not leaks(repr(stored), [VALUE])
    await workshop.attempt(execution, "a", token=token)
    assert (await step(workshop, execution))["outputs"]["seen"].startswith("Basic ")
    assert not leaks(await told(workshop, execution), [VALUE])


async def test_a_dry_run_says_which_would_be_given_and_asks_for_none(
    workshop: Workshop, action: Sending
) -> None:
    workshop.catalogue.use(HttpRequest(EgressPolicy.allowing(())))
    await put(workshop)
    steps = [
        STEP,
        {
            "id": "b",
            "action": "http-request",
            "url": "https://example.com/bot${{ secrets.TOKEN }}/send?key=${{ secrets.TOKEN }}",
            "headers": {"Authorization": "Bearer ${{ secrets.TOKEN }}"},
        },
        {"id": "c", "action": "send", "token": "${{ secrets.NONE }}"},
    ]
    new = NewIntent(name="deploy", definition={"steps": steps})
    await workshop.intents.create(workshop.ada, new)
    before = workshop.vault.resolved
    execution = await workshop.executions.execute(workshop.ada, "deploy", {}, dry_run=True)
    await run(workshop, execution)
    assert workshop.vault.resolved == before
    assert action.given == []
    sent, asked, missing = [await step(workshop, execution, place) for place in range(3)]
    assert sent["would"] == {"run": "send", "secrets": ["TOKEN"]}
    assert asked["would"]["url"] == "https://example.com/bot***TOKEN***/send?…"
    assert asked["would"]["secrets"] == ["TOKEN"]
    assert missing["error"]["code"] == "SECRET_MISSING"


async def test_who_may_not_use_the_secret_does_not_execute_what_does(
    workshop: Workshop, action: Sending
) -> None:
    await put(workshop)
    await workshop.execute(STEP)
    text = 'forbid (principal, action == Action::"secrets.use", resource == Secret::"TOKEN");'
    await workshop.policies.put(workshop.ada, "not-this-one", NewPolicy(text))
    with pytest.raises(ForbiddenError) as refused:
        await workshop.executions.execute(workshop.ada, "deploy", {})
    assert refused.value.policies == ("policy:not-this-one",)
    preview = await workshop.plans.preview(workshop.ada, "deploy", {})
    assert [(one.pointer, one.code) for one in preview.warnings if one.code == "FORBIDDEN"] == [
        ("/graph/nodes/0/inputs", "FORBIDDEN")
    ]


async def test_nor_does_a_step_execute_it_in_their_name_nor_anybody_retry_it(
    workshop: Workshop, action: Sending
) -> None:
    workshop.catalogue.use(RunIntent())
    await workshop.tenants.ensure("acme")
    await workshop.members.ensure_member(
        "acme", user="ada", roles=["admin"], issuer="urn:test", subject="ada"
    )
    execution = await workshop.execute(STEP)
    assert (await workshop.attempt(execution, "a", first=True))["error"]["code"] == "SECRET_MISSING"
    await workshop.finish(execution, "failed", failed=["a"])
    parent = await workshop.execute({"id": "sub", "action": "run-intent", "intent": "deploy"}, name="parent")
    text = 'forbid (principal, action == Action::"secrets.use", resource == Secret::"TOKEN");'
    await workshop.policies.put(workshop.ada, "not-this-one", NewPolicy(text))
    outcome = await workshop.attempt(parent, "sub", first=True)
    assert (outcome["status"], outcome["error"]["code"]) == ("failed", "CHILD_REFUSED")
    assert "ada@acme may not do secrets.use" in outcome["error"]["message"]
    with pytest.raises(ForbiddenError):
        await workshop.retrying.retry(workshop.ada, execution.execution_id, Retrial())


async def test_a_plan_names_secrets_and_warns_of_those_that_there_are_not(
    workshop: Workshop, action: Sending
) -> None:
    await put(workshop)
    await workshop.execute(STEP, {"id": "b", "action": "send", "token": "${{ secrets.NONE }}"})
    preview = await workshop.plans.preview(workshop.ada, "deploy", {})
    found = {one.pointer: one.code for one in preview.warnings}
    assert found["/graph/nodes/1/inputs"] == "NO_SECRET"
    assert "/graph/nodes/0/inputs" not in found
    first, second = preview.steps
    assert first.inputs.values == {"token": "Bearer ${{ secrets.TOKEN }}"}
    assert [one.pointer for one in first.inputs.unresolved] == ["/token"]
    assert second.step.secrets == {"NONE"}
    before = preview.hash
    await put(workshop, NEXT)
    assert (await workshop.plans.preview(workshop.ada, "deploy", {})).hash == before
