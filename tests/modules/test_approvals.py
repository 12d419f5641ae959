from typing import Any

import pytest
from pydantic import ValidationError

from shared.domain.approvals import Approval, Question
from shared.domain.waiting import Waiting
from shared.modules.approvals import ApprovalAction, ApprovalParameters
from shared.modules.catalogue import BuiltInActions
from shared.ports.actions import ActionContext, Pending
from shared.security.egress import EgressPolicy
from tests.domain.actions import errors_of
from tests.fakes.approvals import StandingApprovals


@pytest.mark.parametrize(
    "parameters",
    [
        {"required": 0},
        {"required": 21},
        {"required": "2"},
        {"expires_in": 0},
        {"expires_in": "soon"},
        {"expires_in": "31d"},
        {"on_expiry": "forget"},
        {"approvers": ["admin"]},
        {"approvers": {"roles": ["boss"]}},
        {"approvers": {"attributes": {"level": 3}}},
        {"who": "me"},
    ],
)
def test_a_question_that_makes_no_sense_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ApprovalParameters.model_validate(parameters)


async def test_without_an_expiry_it_is_looked_at_again_after_a_month(context: ActionContext) -> None:
    approvals = StandingApprovals()
    approvals.approval = Approval.asked(
        "call", Question(), plan_hash="sha256:0", executed_by="ada@acme", now=context.clock.now()
    )
    action = ApprovalAction(approvals)
    pending = await action.run(ApprovalParameters(), context)
    assert pending == Pending(30 * 86_400, "asked", Waiting("approval"), own_time=True)
    assert await action.poll("asked", ApprovalParameters(required=2, expires_in="1h"), context) == pending
    assert approvals.asked == Question(required=2, expires_in=3600)


def test_an_approval_is_neither_asked_for_each_item_nor_to_undo_a_step() -> None:
    ask = {"action": "approval"}
    definition = {
        "steps": [
            {"id": "a", "foreach": [1], **ask},
            {"id": "b", "action": "wait", "seconds": 1, "compensate": ask},
        ]
    }
    actions = BuiltInActions(egress=EgressPolicy(), approvals=StandingApprovals()).specs()
    assert [(error.pointer, error.code) for error in errors_of(definition, actions)] == [
        ("/definition/steps/0/foreach", "APPROVAL"),
        ("/definition/steps/1/compensate/action", "APPROVAL"),
    ]
