"""The typed resources against a real host, each through its life."""

import io
import json
import tarfile

import pytest
from pydantic import BaseModel

from examples import demo
from quantum.audit import Export, findings
from quantum.client import Client, ExecutionFailedError
from quantum.client.errors import (
    ForbiddenError,
    NotExecutableError,
    NotFoundError,
    StaleError,
    UnauthenticatedError,
    ValidationFailedError,
)
from tests.http.modules import MODULE

YES = {"steps": [{"id": "say", "action": "transform", "value": "yes"}], "outputs": {"said": "${{ 1 + 1 }}"}}
ASK = {"steps": [{"id": "sign-off", "action": "approval", "allow_self": True}]}


async def test_an_intent_is_changed_compared_rolled_back_and_archived(client: Client) -> None:
    made = await client.intents.create("lived", YES, labels={"team": "sdk"}, message="the first")
    assert (made.id, made.labels) == ("lived-v1", {"team": "sdk"})
    seen = await client.intents.etag("lived")
    changed = await client.intents.update("lived", {**YES, "target": "production"}, if_match=seen)
    assert (changed.version, changed.definition["target"]) == (2, "production")
    with pytest.raises(StaleError):
        await client.intents.update("lived", YES, if_match=seen)
    diff = await client.intents.diff("lived")
    assert [(change.op, change.path) for change in diff.patch] == [("add", "/target")]
    assert (await client.intents.rollback("lived", 1)).definition == YES
    assert [version.version async for version in client.intents.versions("lived", limit=1)] == [3, 2, 1]
    assert (await client.intents.version("lived", 2)).definition["target"] == "production"
    patched = await client.intents.patch("lived", {"labels": {"team": None}, "description": "done"})
    assert (patched.labels, patched.description) == ({}, "done")
    await client.intents.archive("lived")
    assert (await client.intents.get("lived")).status == "archived"


async def test_lists_are_read_page_by_page(client: Client) -> None:
    names = [f"paged-{number}" for number in range(5)]
    for name in names:
        await client.intents.create(name, YES, labels={"list": "paged"})
    found = client.intents.list(label=["list:paged"], facets=["status"], limit=2)
    assert [intent.name async for intent in found] == names
    assert [len(page.items) async for page in found.pages()] == [2, 2, 1]
    first = await found.page()
    assert first.facets is not None
    assert first.facets["status"].values[0].count == 5
    assert [intent.name for intent in await client.intents.list(q="paged-3").all()] == ["paged-3"]


async def test_what_is_wrong_is_told_at_every_place(client: Client) -> None:
    report = await client.intents.validate({"definition": {"steps": [{"action": "nothing"}, {}]}})
    assert not report.valid
    with pytest.raises(ValidationFailedError) as raised:
        await client.intents.create("wrong", {"steps": [{"action": "nothing"}, {}]})
    assert [error.pointer for error in raised.value.problem.errors] == [e.pointer for e in report.errors]
    assert all(error.pointer in str(raised.value) for error in report.errors)


async def test_an_execution_is_planned_started_and_waited_for(client: Client) -> None:
    await client.intents.create("waited-for", YES)
    plan = await client.intents.plan("waited-for")
    ended = await client.intents.execute_and_wait("waited-for", plan_hash=plan.plan_hash, timeout=60)
    assert (ended.status, ended.outputs, ended.plan_hash) == ("completed", {"said": 2}, plan.plan_hash)
    types = [event.type async for event in client.executions.events(ended.execution_id)]
    assert types == ["execution_started", "step_started", "step_completed", "execution_completed"]
    assert await client.executions.outputs(ended.execution_id) == {"said": 2}
    assert (await client.executions.list(intent="waited-for").page()).items[0].status == "completed"


async def test_one_key_is_one_execution(client: Client) -> None:
    await client.intents.create("once", YES)
    ids = {(await client.intents.execute("once", idempotency_key="the-one")).execution_id for _ in range(2)}
    assert len(ids) == 1


async def test_a_bad_end_is_an_error_with_the_execution_and_is_tried_again(client: Client) -> None:
    steps = [{"id": "check", "action": "assert", "condition": "parameters.good", "message": "it is not good"}]
    parameters = {"type": "object", "properties": {"good": {"type": "boolean"}}}
    await client.intents.create("badly", {"parameters": parameters, "steps": steps})
    with pytest.raises(ExecutionFailedError, match=r"failed in step check: .*it is not good") as raised:
        await client.intents.execute_and_wait("badly", {"good": False}, timeout=60)
    failed = raised.value.execution
    again = await client.executions.retry(failed.execution_id, reason="hope")
    assert (await client.executions.wait(again.execution_id, timeout=60)).retry_of == failed.execution_id
    await client.intents.create("empty", {})
    with pytest.raises(NotExecutableError):
        await client.intents.execute("empty")


async def test_approvals_are_found_and_decided(client: Client) -> None:
    await client.intents.create("asking", ASK)
    for decide in (client.approvals.approve, client.approvals.reject):
        started = await client.intents.execute("asking")
        async for event in client.executions.events(started.execution_id):
            if event.type == "approval_requested":
                (found,) = await client.approvals.list(intent="asking", mine=True).all()
                assert (found.execution_id, found.step) == (started.execution_id, "sign-off")
                decided = await decide(found.execution_id, found.step, comment="so be it")
                assert decided.approval.decisions[0].comment == "so be it"
                (shown,) = await client.approvals.list(intent="asking", status=decided.approval.status).all()
                assert (shown.approval, shown.may_decide) == (decided.approval, False)
        ended = await client.executions.get(started.execution_id)
        assert ended.status == ("completed" if decided.approval.status == "approved" else "failed")


async def test_executions_are_held_and_ended_one_and_many(client: Client) -> None:
    await client.intents.create("held", {"steps": [{"action": "wait", "seconds": 600}]})
    one, other = [(await client.intents.execute("held")).execution_id for _ in range(2)]
    await client.executions.pause(one, reason="lunch")
    assert (await client.executions.resume(one)).execution_id == one
    await client.executions.terminate(one)
    page = await client.executions.bulk("cancel", {"intent": "held"}, reason="enough")
    assert other in {item.execution_id for item in page.items}
    for execution in (one, other):
        assert (await client.executions.wait(execution, timeout=60)).status == "cancelled"


def name_of(model: BaseModel) -> object:
    return getattr(model, "name", None) or getattr(model, "user", None)


async def test_what_a_tenant_keeps_is_put_read_and_deleted(client: Client) -> None:
    await client.intents.create("kept", YES)
    schedule = await client.schedules.put("nightly", intent="kept", cron="@daily", timezone="Europe/Berlin")
    assert len(schedule.next_fire_times) == 5
    subscription = await client.subscriptions.put("hook", url="https://8.8.8.8/", events=["*"])
    assert (subscription.secret or "").startswith("whsec_")
    cedar = 'forbid (principal, action, resource) when { principal.hasTag("banned") };'
    policy = await client.policies.put("none", cedar)
    assert policy.enabled
    secret = await client.secrets.put("SDK_TOKEN", "a value made by chance", description="for a test")
    assert secret.version == 1
    member = await client.members.put("eve", ["viewer"], issuer="urn:quantum:local", subject="eve")
    assert member.roles == ["viewer"]
    for kept, name in (
        (client.schedules, "nightly"),
        (client.subscriptions, "hook"),
        (client.policies, "none"),
        (client.secrets, "SDK_TOKEN"),
        (client.members, "eve"),
    ):
        assert (await kept.get(name)).model_dump()[
            next(iter(type(await kept.get(name)).model_fields))
        ] == name
        assert name in [next(iter(one.model_dump().values())) for one in await kept.list().all()]
        await kept.delete(name)
        with pytest.raises(NotFoundError):
            await kept.get(name)


async def test_an_archive_is_uploaded_to_build_from(client: Client) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.add(demo.APP / "app", arcname=".")
    kept = await client.contexts.upload(archive.getvalue())
    steps = [{"id": "build", "action": "build-docker-image", "image": "sdk:1", "context": kept.reference}]
    await client.intents.create("uploaded", {"steps": steps})
    built = await client.intents.execute_and_wait("uploaded", timeout=60)
    assert (built.steps[0].outputs or {})["digest"].startswith("sha256:")


async def test_policies_answer_questions(client: Client) -> None:
    decision = await client.policies.check("intents.execute", "deploy")
    assert (decision.allowed, decision.policies) == (True, ["role-admin"])


async def test_the_rest_is_read(client: Client) -> None:
    me = await client.members.me()
    assert (me.principal, me.roles) == ("ada@acme", ["admin"])
    assert "core" in [module.name for module in await client.modules.list().all()]
    assert (await client.modules.get("http")).actions[0].name == "http-request"
    made = await client.modules.put("scanner", **MODULE)
    rotated = await client.modules.rotate_key("scanner")
    assert made.secret != rotated.secret
    assert [rotated.key and rotated.key.number, made.version] == [2, 1]
    await client.modules.delete("scanner")
    assert (await client.tenants.get("acme")).status == "active"
    assert (await client.tenants.usage("acme")).quotas["intents"].limit
    assert (await client.health()).status == "ok"
    assert isinstance((await client.stats()).days, list)


async def test_the_audit_trail_is_read_verified_and_exported(client: Client) -> None:
    await client.intents.create("audited", YES)
    page = await client.audit.intent("audited").page()
    assert [record.action for record in page.items] == ["intent.create"]
    assert page.verification.verified
    assert [record.principal async for record in client.audit.list(intent="audited")] == ["ada@acme"]
    verified = await client.audit.verify()
    assert verified.verified
    assert verified.chains > 1
    lines = [line async for line in client.audit.export()]
    assert json.loads(lines[-1])["manifest"]["complete"]
    assert list(findings(Export.read(lines))) == []


async def test_refusals_are_errors_of_their_kind(client: Client, viewer: str) -> None:
    with pytest.raises(NotFoundError):
        await client.intents.get("nowhere/../or this")
    async with Client(client.url, token=viewer) as looking:
        with pytest.raises(ForbiddenError) as forbidden:
            await looking.intents.create("not-mine", YES)
        assert forbidden.value.problem.policies == ["default-deny"]
    async with Client(client.url, token="nonsense") as stranger:
        with pytest.raises(UnauthenticatedError):
            await stranger.members.me()
