"""Deploying, undoing and verifying, over a target in memory."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from shared.domain.workloads import Workload
from shared.modules.fetching import Fetcher
from shared.modules.kubernetes.deployment import DeployToKubernetes, UndoDeployment
from shared.modules.kubernetes.parameters import DeploymentReference, DeployOutputs, DeployParameters
from shared.modules.kubernetes.targets import Targets
from shared.modules.kubernetes.verification import VerifyDeployment
from shared.ports.actions import (
    Action,
    ActionContext,
    ActionError,
    Completed,
    Foreseen,
    Pending,
    Result,
)
from shared.ports.targets import Probed, TargetError
from shared.security.egress import EgressPolicy
from shared.security.redaction import mark
from tests.fakes.clock import FrozenClock
from tests.fakes.targets import FakeTarget

WELL, UNWELL = Probed(200, b"all is well"), Probed(500, b"no")
UP: dict[str, Any] = {
    "namespace": "production",
    "image": "registry.example.com/team/web_app:1.4",
    "replicas": 3,
}


@pytest.fixture
def target() -> FakeTarget:
    return FakeTarget()


@pytest.fixture
def deploy(target: FakeTarget) -> DeployToKubernetes:
    return DeployToKubernetes(Targets(target))


@pytest.fixture
def undo(target: FakeTarget) -> UndoDeployment:
    return UndoDeployment(Targets(target))


@pytest.fixture
def verify(target: FakeTarget) -> VerifyDeployment:
    return VerifyDeployment(Targets(target), Fetcher(EgressPolicy.allowing([])))


async def run(action: Action, context: ActionContext, **parameters: Any) -> Result:
    return await action.run(action.Parameters.model_validate(parameters), context)


async def poll(action: Action, token: Any, context: ActionContext, **parameters: Any) -> Result:
    return await action.poll(token, action.Parameters.model_validate(parameters), context)


async def outputs(result: Result) -> dict[str, Any]:
    assert isinstance(result, Completed)
    return dict(result.outputs)


async def test_a_deployment_completes_when_all_copies_are_ready(
    deploy: DeployToKubernetes, context: ActionContext
) -> None:
    key = context.idempotency_key
    assert await outputs(await run(deploy, context, **UP)) == {
        "target": "fake",
        "namespace": "production",
        "name": "web-app",
        "image": UP["image"],
        "replicas": 3,
        "revision": "1",
        "address": "http://fake",
        "deployment": {"target": "fake", "namespace": "production", "name": "web-app", "key": key},
    }
    deploy.Outputs.model_validate(await outputs(await run(deploy, context, **UP)))


async def test_one_that_is_not_ready_is_polled_and_says_why(
    deploy: DeployToKubernetes, context: ActionContext
) -> None:
    sick = {**UP, "env": {"SICK": True}}
    pending = await run(deploy, context, **sick)
    assert isinstance(pending, Pending)
    assert pending.waiting.facts == {"ready": 0, "replicas": 3, "message": "/health answered 500"}
    assert isinstance(await poll(deploy, pending.token, context, **sick), Pending)


async def test_a_rollout_that_fails_is_undone(
    deploy: DeployToKubernetes, target: FakeTarget, context: ActionContext
) -> None:
    first = replace(context, idempotency_key="first")
    before = (await outputs(await run(deploy, first, **UP, env={"VERSION": "1"})))["deployment"]
    with pytest.raises(ActionError, match="not rolled out to fake, and is undone") as error:
        await run(deploy, context, **UP, env={"CRASH": 1})
    assert (error.value.code, error.value.retryable) == ("ROLLOUT_FAILED", False)
    reference = DeploymentReference.model_validate(before)
    assert (await target.rollout(context.scope, reference.value)).state == "ready"


async def test_giving_up_puts_back_what_ran_before(
    deploy: DeployToKubernetes, target: FakeTarget, context: ActionContext
) -> None:
    sick = DeployParameters.model_validate({**UP, "env": {"SICK": 1}})
    await deploy.run(sick, context)
    assert deploy.gives_up
    assert await deploy.cancel(None, sick, context) is None
    changes = await target.foresee(context.scope, Workload("production", "web-app", UP["image"]))
    assert {change.before for change in changes if change.path == "/image"} == {None}


async def test_undoing_restores_or_removes(
    deploy: DeployToKubernetes, undo: UndoDeployment, context: ActionContext
) -> None:
    first, second = (replace(context, idempotency_key=key) for key in ("first", "second"))
    one = (await outputs(await run(deploy, first, **UP)))["deployment"]
    two = (await outputs(await run(deploy, second, **UP)))["deployment"]
    told = {"target": "fake", "namespace": "production", "name": "web-app"}
    assert await outputs(await run(undo, context, deployment=two)) == {
        **told,
        "restored": True,
        "replicas": 3,
    }
    assert await outputs(await run(undo, context, deployment=one)) == {
        **told,
        "restored": False,
        "replicas": 0,
    }
    undo.Outputs.model_validate(await outputs(await run(undo, context, deployment=one)))


async def test_a_dry_run_tells_the_changes_and_makes_none(
    deploy: DeployToKubernetes, target: FakeTarget, context: ActionContext
) -> None:
    foreseen = await deploy.dry_run(DeployParameters.model_validate(UP), context)
    assert isinstance(foreseen, Foreseen)
    assert foreseen.would["target"] == "fake"
    assert {"path": "/image", "before": None, "after": UP["image"]} in foreseen.would["changes"]
    known = DeployOutputs.model_validate({**foreseen.outputs})
    with pytest.raises(TargetError, match="no such deployment"):
        await target.rollout(context.scope, known.deployment.value)


async def test_a_dry_run_that_is_not_given_the_kubeconfig_asks_no_cluster(
    deploy: DeployToKubernetes, context: ActionContext
) -> None:
    given = DeployParameters.model_validate(UP | {"kubeconfig": mark("KUBECONFIG")})
    foreseen = await deploy.dry_run(given, context)
    assert isinstance(foreseen, Foreseen)
    assert foreseen.would == {"target": "the cluster of its kubeconfig", "deploy": "production/web-app"}
    assert foreseen.outputs["image"] == UP["image"]
    assert "deployment" not in foreseen.outputs


async def test_without_a_target_the_step_says_what_to_do(context: ActionContext) -> None:
    with pytest.raises(ActionError, match="give the step a 'kubeconfig'") as error:
        await run(DeployToKubernetes(Targets()), context, **UP)
    assert error.value.code == "NO_TARGET"


@pytest.mark.parametrize(
    "wrong",
    [
        {"namespace": "Production"},
        {"replicas": -1},
        {"ports": [0]},
        {"ports": [{"port": 80, "name": "UPPER"}]},
        {"env": {"a b": "x"}},
        {"env": {"A": {}}},
        {"probes": {"readiness": {"path": "health"}}},
        {"resources": {"limits": {"memory": "much"}}},
        {"manifests": [{"kind": "Deployment"}]},
        {"image": "x" * 501},
        {"color": "green"},
    ],
)
def test_what_makes_no_sense_is_refused(deploy: DeployToKubernetes, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        deploy.Parameters.model_validate({**UP, **wrong})


async def deployed(deploy: DeployToKubernetes, context: ActionContext) -> dict[str, Any]:
    reference: dict[str, Any] = (await outputs(await run(deploy, context, **UP)))["deployment"]
    return reference


async def test_what_answers_well_is_verified_at_once(
    deploy: DeployToKubernetes, verify: VerifyDeployment, target: FakeTarget, context: ActionContext
) -> None:
    target.answers = [WELL]
    it = await deployed(deploy, context)
    found = await outputs(
        await run(verify, context, deployment=it, health_check="/health", expected_body="well")
    )
    assert found == {"target": "fake", "health_check": "/health", "status": 200, "checks": 1, "failures": 0}
    verify.Outputs.model_validate(found)


async def test_what_answers_badly_is_asked_again_until_it_was_bad_too_often(
    deploy: DeployToKubernetes, verify: VerifyDeployment, target: FakeTarget, context: ActionContext
) -> None:
    asked = {"deployment": await deployed(deploy, context), "attempts": 3, "interval": 7}
    refused = TargetError("NO_ANSWER", "it does not answer", retryable=True)
    target.answers = [UNWELL, refused, UNWELL]
    pending = await run(verify, context, **asked)
    assert isinstance(pending, Pending)
    assert pending.delay == 7
    assert pending.waiting.facts["message"] == "it answered 500, not 200"
    pending = await poll(verify, pending.token, context, **asked)
    assert isinstance(pending, Pending)
    assert pending.waiting.facts["message"] == "it does not answer"
    with pytest.raises(ActionError, match="not well after 3 checks: it answered 500") as error:
        await poll(verify, pending.token, context, **asked)
    assert error.value.code == "NOT_WELL"


async def test_what_flaps_must_be_well_for_as_long_as_is_asked(
    deploy: DeployToKubernetes,
    verify: VerifyDeployment,
    target: FakeTarget,
    context: ActionContext,
    clock: FrozenClock,
) -> None:
    asked = {"deployment": await deployed(deploy, context), "stable_for": 10, "interval": 5}
    target.answers = [WELL, UNWELL, WELL, WELL, WELL]
    result = await run(verify, context, **asked)
    for _ in range(4):
        assert isinstance(result, Pending)
        clock.advance(5)
        result = await poll(verify, result.token, context, **asked)
    assert (await outputs(result))["checks"] == 5
    assert (await outputs(result))["failures"] == 1


async def test_a_url_inside_is_not_asked(verify: VerifyDeployment, context: ActionContext) -> None:
    with pytest.raises(ActionError) as error:
        await run(verify, context, health_check="http://169.254.169.254/latest")
    assert error.value.code == "EGRESS_REFUSED"


async def test_a_path_without_a_deployment_says_what_to_do(
    verify: VerifyDeployment, context: ActionContext
) -> None:
    with pytest.raises(ActionError, match="give 'deployment', or 'health_check' a URL"):
        await run(verify, context, health_check="/health")


def test_a_plan_tells_where_a_step_takes_effect(deploy: DeployToKubernetes, verify: VerifyDeployment) -> None:
    assert deploy.where({}) == verify.where({}) == "fake"
    assert deploy.where({"kubeconfig": "${{ secrets.K }}"}) == "the cluster of its kubeconfig"
    assert DeployToKubernetes(Targets()).where({}) is None
