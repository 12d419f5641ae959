"""What the services tell of an execution: of each delivery a span, of what was recorded a number, once."""

import pytest

from shared.domain.metrics import EXECUTIONS_FINISHED, STEP_DURATION
from shared.ports.actions import ActionContext, ActionError, Completed
from shared.services.executions.endings import Endings
from shared.services.executions.runs import Runs
from shared.services.steps.parts import Parts
from shared.services.steps.steps import Steps
from tests.fakes.telemetry import RecordedTelemetry
from tests.services.conftest import Workshop


@pytest.fixture
def telemetry() -> RecordedTelemetry:
    return RecordedTelemetry()


@pytest.fixture
def steps(workshop: Workshop, telemetry: RecordedTelemetry) -> Steps:
    runs = Runs(workshop.documents)
    return Steps(
        Parts(
            workshop.documents,
            runs,
            workshop.platform.tenant_actions,
            workshop.clock,
            workshop.children,
            workshop.callbacks,
            workshop.tenants,
            workshop.disclosures,
            workshop.platform.room,
            telemetry,
        )
    )


async def test_a_repeated_delivery_is_a_span_of_its_own_and_no_second_number(
    workshop: Workshop, steps: Steps, telemetry: RecordedTelemetry
) -> None:
    def behaviour(_parameters: object, _context: ActionContext) -> Completed:
        workshop.clock.advance(2.5)
        return Completed({})

    workshop.catalogue.add("act", behaviour)
    execution = await workshop.execute({"id": "a", "action": "act"})
    attempt = {"tenant_id": "acme", "execution_id": execution.execution_id, "step": "a", "attempt": 1}
    for _ in range(2):
        assert await steps.run(attempt) == {"status": "completed"}
    assert telemetry.of(STEP_DURATION) == [
        (2.5, {"tenant_id": "acme", "action": "act", "status": "completed"})
    ]
    assert [span.name for span in telemetry.spans] == ["step act"] * 2
    assert telemetry.spans[0].attributes == {**attempt, "action": "act", "status": "completed"}


async def test_a_failed_attempt_says_with_which_code_and_one_to_be_tried_again_that_it_is(
    workshop: Workshop, steps: Steps, telemetry: RecordedTelemetry
) -> None:
    def behaviour(_parameters: object, _context: ActionContext) -> Completed:
        raise ActionError("BROKEN", "secret detail", retryable=True)

    workshop.catalogue.add("act", behaviour)
    execution = await workshop.execute({"id": "a", "action": "act", "retry": {"max_attempts": 2}})
    for number in (1, 2):
        await steps.run(
            {"tenant_id": "acme", "execution_id": execution.execution_id, "step": "a", "attempt": number}
        )
    assert [span.error for span in telemetry.spans] == ["retry", "BROKEN"]
    assert [about["status"] for _, about in telemetry.of(STEP_DURATION)] == ["retry", "failed"]
    assert "secret" not in str(telemetry.spans)


async def test_an_end_is_told_once_however_often_it_is_delivered(
    workshop: Workshop, telemetry: RecordedTelemetry
) -> None:
    workshop.catalogue.add("act", lambda _, __: Completed({}))
    execution = await workshop.execute({"id": "a", "action": "act"})
    runs = Runs(workshop.documents)
    endings = Endings(
        documents=workshop.documents,
        runs=runs,
        nudges=workshop.nudges,
        limits=workshop.limits,
        clock=workshop.clock,
        room=workshop.platform.room,
        telemetry=telemetry,
    )
    ids = {"tenant_id": "acme", "execution_id": execution.execution_id}
    for _ in range(2):
        await endings.finish({**ids, "status": "failed", "failed": ["a"], "blocked": [], "cancelled": []})
    assert telemetry.of(EXECUTIONS_FINISHED) == [(1, {"tenant_id": "acme", "status": "failed"})]
    (whole,) = telemetry.spans
    assert (whole.name, whole.attributes["status"], whole.error) == ("execution", "failed", "INTERNAL")
