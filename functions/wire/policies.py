"""What policies, and what they decide, look like on the wire."""

from dataclasses import asdict
from typing import Any

from shared.domain.policies import Policy
from shared.domain.times import rfc3339
from shared.services.tenancy.policy_checks import Answer


def policy(value: Policy) -> dict[str, Any]:
    shown = asdict(value)
    del shown["etag"]
    return {"policy": shown.pop("text"), **shown}


def policy_decision(value: Answer) -> dict[str, Any]:
    return {
        "allowed": value.decision.allowed,
        "policies": value.decision.policies,
        "version": value.decision.version,
        "principal": value.principal,
        "operation": value.question.operation,
        "resource": value.question.resource,
        "at": rfc3339(value.at),
    }
