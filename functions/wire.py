"""What the platform's facts look like on the wire (the models are in ``quantum/contract``).

Plain dictionaries, because they are on every request's way; tests hold them against the models.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from functions.route import PREFIX
from shared.domain.approvals import Approval
from shared.domain.causes import Cause
from shared.domain.contexts import BuildContext
from shared.domain.diffs import Diff
from shared.domain.events import Event
from shared.domain.executions import Execution
from shared.domain.intents import Deprecation, Facet, Intent
from shared.domain.members import Member
from shared.domain.plans import PlanStep
from shared.domain.policies import Policy
from shared.domain.previews import Inputs, Preview, Unresolved
from shared.domain.schedules import Schedule
from shared.domain.secrets import Secret, SecretUse
from shared.domain.standings import Summary
from shared.domain.stats import DayStats
from shared.domain.subscriptions import Delivery, Subscription
from shared.domain.tenants import Tenant
from shared.domain.times import parse_rfc3339, rfc3339
from shared.domain.usage import Usage
from shared.domain.validation.report import Report
from shared.services.authentication import Acquaintance
from shared.services.health import VITAL
from shared.services.policy_checks import Answer

_BASE = PREFIX + "v1"


def intent_path(id: str) -> str:
    return f"{_BASE}/intents/{id}"


def execution_path(id: str) -> str:
    return f"{_BASE}/executions/{id}"


def intent(value: Intent) -> dict[str, Any]:
    return {
        "id": value.id,
        "name": value.name,
        "version": value.version,
        "tenant_id": value.tenant_id,
        "description": value.description,
        "labels": value.labels,
        "status": value.status,
        "definition": value.definition,
        "content_hash": value.content_hash,
        "created_at": value.created_at,
        "created_by": value.created_by,
        "message": value.message,
        "active_version": value.active_version,
        "latest_version": value.latest_version,
        "updated_at": value.updated_at,
        "deprecated_at": value.deprecated_at,
        "successor": value.successor,
        **({"warnings": [one.to_json() for one in value.warnings]} if value.warnings else {}),
    }


def version(value: Intent) -> dict[str, Any]:
    """A version in its intent's history: all but the definition."""
    return {
        "id": value.id,
        "name": value.name,
        "version": value.version,
        "state": value.state,
        "content_hash": value.content_hash,
        "message": value.message,
        "created_at": value.created_at,
        "created_by": value.created_by,
    }


def diff(value: Diff) -> dict[str, Any]:
    return {
        "name": value.name,
        "from": value.old,
        "to": value.new,
        "patch": value.patch,
        "text": "\n".join(value.lines),
    }


def deprecation(value: Deprecation | None) -> dict[str, str]:
    """The headers that say so of a deprecated intent (RFC 9745; RFC 5829, section 3.2)."""
    if value is None:
        return {}
    headers = {"Deprecation": f"@{int(parse_rfc3339(value.since).timestamp())}"}
    if value.successor:
        headers["Link"] = f'<{intent_path(value.successor)}>; rel="successor-version"'
    return headers


def plan(value: Preview) -> dict[str, Any]:
    steps = value.plan.every_step
    return {
        "intent_id": value.intent.id,
        "plan_hash": value.hash,
        "target": value.plan.target,
        "parameters": value.parameters,
        "graph": {
            "nodes": [
                {
                    "id": one.step.id,
                    "section": "finally" if one.last else "steps",
                    "depends_on": one.step.depends_on,
                    "when": one.step.when,
                    "holds": one.holds,
                    "continue_on_error": one.step.continue_on_error,
                    **_planned(value, one.step, one.inputs),
                    "foreach": {
                        "items": one.items.value,
                        "unresolved": _unresolved(one.items.unresolved),
                        "concurrency": one.step.concurrency,
                    }
                    if one.items
                    else None,
                    "compensate": _planned(value, one.step.compensate, one.undone_with)
                    if one.step.compensate and one.undone_with
                    else None,
                }
                for one in value.steps
            ],
            "edges": [{"from": before, "to": step.id} for step in steps for before in step.depends_on],
        },
        "order": value.levels,
        "timeout": value.plan.timeout,
        "outputs": value.plan.outputs,
        "concurrency": value.plan.concurrency.model_dump() if value.plan.concurrency else None,
        "warnings": [one.to_json() for one in value.warnings],
        "blockers": [one.to_json() for one in value.blockers],
    }


def _unresolved(values: Sequence[Unresolved]) -> list[dict[str, Any]]:
    return [{"pointer": one.pointer, "steps": one.steps} for one in values]


def _planned(value: Preview, step: PlanStep, inputs: Inputs) -> dict[str, Any]:
    child = value.child_of(step)
    return {
        "action": step.action,
        "inputs": inputs.values,
        "unresolved": _unresolved(inputs.unresolved),
        "secrets": sorted(step.secrets),
        "timeout": step.timeout,
        "retry": step.retry.model_dump(),
        "side_effect": step.side_effect,
        "module_version": step.version,
        "where": inputs.where,
        "permission": value.permissions[step.action],
        "runs": {"intent_id": child.id, "status": child.status} if child else None,
    }


def intent_page(
    items: list[dict[str, Any]], next_cursor: str | None, facets: Mapping[str, Facet]
) -> dict[str, Any]:
    """A page of intents; facets are in it only if they were asked for."""
    counted = {
        name: {
            "values": [{"value": value, "count": count} for value, count in facet.values],
            "more": facet.more,
        }
        for name, facet in facets.items()
    }
    return page(items, next_cursor) | ({"facets": counted} if counted else {})


def execution_head(value: Execution) -> dict[str, Any]:
    """An execution in a list: all but its steps."""
    return {
        "execution_id": value.execution_id,
        "intent_id": value.intent_id,
        "tenant_id": value.tenant_id,
        "status": value.status,
        "parameters": value.parameters,
        "plan_hash": value.plan_hash,
        "progress": value.progress.to_json(),
        "error": value.error,
        "created_at": value.created_at,
        "started_at": value.started_at,
        "finished_at": value.finished_at,
        "created_by": value.created_by,
        "schedule": value.schedule,
        "parent": value.parent,
        "dry_run": value.dry_run,
        "undecided": value.undecided,
        "retry_of": value.retry_of,
        "retried_by": value.retried_by,
        "links": links(value),
    }


def execution(value: Execution) -> dict[str, Any]:
    steps = [step.to_json() for step in value.steps]
    more = {"waiting": value.waiting, "steps": steps, "outputs": value.outputs}
    return execution_head(value) | {"progress": value.progress.to_json() | value.estimate.to_json()} | more


def accepted(value: Execution) -> dict[str, Any]:
    shown = {"successor": value.deprecation.successor} if value.deprecation else {}
    return shown | {"execution_id": value.execution_id, "status": value.status, "links": links(value)}


def decided(execution_id: str, value: Approval) -> dict[str, Any]:
    return {"execution_id": execution_id, "step": value.step, "approval": value.shown()}


def links(value: Execution) -> dict[str, str]:
    path = execution_path(value.execution_id)
    return {"self": path, "events": path + "/events", "intent": intent_path(value.intent_id)}


def event(value: Event) -> dict[str, Any]:
    return {
        "cursor": value.cursor,
        "type": value.type,
        "execution_id": value.execution_id,
        "time": value.time,
        **value.data,
    }


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


def build_context(value: BuildContext) -> dict[str, Any]:
    return {
        "reference": value.reference,
        "size": value.size,
        "created_at": value.created_at,
        "created_by": value.created_by,
        "expires_at": value.expires_at,
    }


def secret(value: Secret) -> dict[str, Any]:
    shown = asdict(value)
    del shown["etag"]
    return shown


def secret_detail(value: Secret, use: SecretUse | None, users: Sequence[str]) -> dict[str, Any]:
    return {**secret(value), "last_used": asdict(use) if use else None, "used_by": users}


def subscription(value: Subscription, secret: str | None = None) -> dict[str, Any]:
    shown = {"secret": secret} if secret is not None else {}
    return shown | {
        "name": value.name,
        "url": value.url,
        "events": value.events,
        "enabled": value.enabled,
        "description": value.description,
        "disabled_reason": value.disabled_reason,
        "created_at": value.created_at,
        "created_by": value.created_by,
        "updated_at": value.updated_at,
    }


def delivery(value: Delivery) -> dict[str, Any]:
    return asdict(value)


def schedule(value: Schedule) -> dict[str, Any]:
    status, reason = value.standing
    firings = value.firings
    return {
        "name": value.name,
        **value.wanted.to_json(),
        "status": status,
        "reason": reason,
        "next_fire_times": value.upcoming,
        "waiting": firings.queue,
        "last_execution": firings.last_execution,
        "last_skip": firings.last_skip,
        "last_error": firings.last_error,
        "created_at": value.created_at,
        "created_by": value.created_by,
        "updated_at": value.updated_at,
        "updated_by": value.updated_by,
    }


def day(value: DayStats) -> dict[str, Any]:
    return {"date": value.date, **value.counts}


def manifest(
    tenant_id: str, *, at: str, whole: bool, records: int, links: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The last line of an export of audit records: what they are held against."""
    said = {"tenant_id": tenant_id, "exported_at": at, "complete": whole, "records": records, "chains": links}
    return {"manifest": said}


def page(items: Sequence[Mapping[str, Any]], next_cursor: str | None) -> dict[str, Any]:
    return {"items": items, "next_cursor": next_cursor}


def report(value: Report) -> dict[str, Any]:
    return {
        "valid": not value.errors,
        "errors": [error.to_json() for error in value.errors],
        "warnings": [warning.to_json() for warning in value.warnings],
    }


def tenant(value: Tenant) -> dict[str, Any]:
    return {
        "id": value.id,
        "created_at": value.created_at,
        **asdict(value.standing),
        "settings": value.settings.to_json(),
        "ceiling": value.ceiling.to_json(),
    }


def usage(value: Usage) -> dict[str, Any]:
    return asdict(value)


def tenant_summary(value: Summary) -> dict[str, Any]:
    return asdict(value)


def member(value: Member) -> dict[str, Any]:
    told = asdict(value)
    del told["etag"]
    return told


def me(value: Acquaintance, operations: Sequence[str]) -> dict[str, Any]:
    principal = value.caller.principal if value.caller else None
    return {
        "issuer": value.identity.issuer,
        "subject": value.identity.subject,
        "tenants": [
            {"id": one.tenant_id, "user": one.user, "kind": one.kind, "roles": one.roles}
            for one in value.memberships
        ],
        "tenant_id": principal.tenant_id if principal else None,
        "principal": principal.name if principal else None,
        "kind": principal.kind if principal else None,
        "roles": sorted(principal.roles) if principal else [],
        "attributes": dict(principal.attributes) if principal else {},
        "operations": operations,
    }


def health(causes: Mapping[str, Cause | None]) -> dict[str, Any]:
    checks = {name: _standing(name, cause) for name, cause in causes.items()}
    return {
        "status": next((one for one in ("unavailable", "degraded") if one in checks.values()), "ok"),
        "checks": checks,
        "impairments": [
            {"check": name, "cause": cause.code, "reason": cause.reason, "remedy": cause.remedy}
            for name, cause in causes.items()
            if cause is not None
        ],
    }


def _standing(name: str, cause: Cause | None) -> str:
    if cause is None:
        return "ok"
    return "unavailable" if name in VITAL else "degraded"
