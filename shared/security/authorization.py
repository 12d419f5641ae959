"""Whether a principal may do an operation: one question to Cedar, of the policies in ``policies/``.

A forbidding policy wins over every permitting one, and what nothing permits is denied. So is whatever the
engine cannot decide: a question that does not fit the schema, or a policy that fails while it is asked.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from shared.domain.errors import ForbiddenError
from shared.domain.standings import PLATFORM
from shared.security.decisions import Decision
from shared.security.permissions import OPERATIONS
from shared.security.principals import Principal, PrincipalKind

if TYPE_CHECKING:
    from cedarpy import Schema

ANY: Final = "*"
"""The id of a resource where no particular one is meant: a list, or one that is to be made."""
DEFAULT_DENY: Final = "default-deny"
"""What a denial names when no policy forbids and none permits."""

_FOLDER: Final = Path(__file__).parent / "policies"
_TYPES: Final[Mapping[str, str]] = {
    "audit": "Audit",
    "executions": "Execution",
    "intents": "Intent",
    "members": "Member",
    "modules": "Module",
    "policies": "Policy",
    "schedules": "Schedule",
    "secrets": "Secret",
    "subscriptions": "Subscription",
    "contexts": "Context",
    "tenants": "Tenant",
}
"""What each operation is done to, by the noun it begins with."""
_KINDS: Final[Mapping[PrincipalKind, str]] = {"user": "Member", "service": "Service"}


type Statements = Mapping[str, Any]
"""Policies by their id, as Cedar's JSON has them."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What an operation is done to, as far as that is known.

    Attributes:
        attributes: those of the schema.
        tags: those that a tenant names by itself, labels for one.
        tenant_id: whose it is; empty: the asking principal's own.
    """

    id: str = ANY
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    tenant_id: str = ""


ANYTHING: Final = Resource()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """When it is asked, in UTC, and from which network address."""

    at: datetime
    address: str | None = None


class Authorizer:
    """The decisions of one set of policies, which is parsed once."""

    def __init__(self, statements: Statements) -> None:
        from cedarpy import PolicySet

        written = json.dumps({"staticPolicies": statements, "templates": {}, "templateLinks": []})
        self.version: Final = sha256(written.encode()).hexdigest()[:32]
        self._policies = PolicySet.from_json_str(written)
        self._schema = schema()

    def decide(
        self, principal: Principal, operation: str, resource: Resource, circumstances: Circumstances
    ) -> Decision:
        """Whether the principal may do it to the resource.

        Raises:
            ValueError: there is no such operation (a mistake of the caller's, never of the principal's).
        """
        import cedarpy

        if operation not in OPERATIONS:
            raise ValueError(f"no such operation: {operation!r}")
        who = {"type": _KINDS[principal.kind], "id": principal.name}
        what = _identity(principal, operation, resource)
        answer = cedarpy.is_authorized(
            {
                "principal": who,
                "action": {"type": "Action", "id": operation},
                "resource": what,
                "context": _context(circumstances),
            },
            self._policies,
            json.dumps(_entities(principal, who, resource, what)),
            self._schema,
        )
        # A policy that fails is left out of the decision, and it may be the one that forbids.
        failed = bool(answer.diagnostics.errors)
        allowed = answer.decision is cedarpy.Decision.Allow and not failed
        named = () if failed else tuple(sorted(answer.diagnostics.reasons))
        return Decision(operation, allowed, policies=named or (DEFAULT_DENY,), version=self.version)


def refusal(principal: Principal, decision: Decision) -> ForbiddenError:
    """What who is denied is told: the policies that forbid it, or that none permits it."""
    if decision.policies == (DEFAULT_DENY,):
        roles = ", ".join(sorted(principal.roles)) or "none"
        why = f"nothing permits it to who has its roles ({roles})"
    else:
        why = f"forbidden by {', '.join(decision.policies)}"
    message = f"{principal.name} may not do {decision.operation}: {why}"
    return ForbiddenError(message, policies=decision.policies)


def with_policies(statements: Statements) -> Authorizer:
    """The decisions of the platform's own policies and those of a tenant."""
    return Authorizer({**_statements(), **statements}) if statements else built_in()


@cache
def built_in() -> Authorizer:
    """The decisions of the platform's own policies, without any of a tenant's."""
    return Authorizer(_statements())


def warm_up() -> None:
    """Load the engine and the built-in policies, which the first decision waits for otherwise."""
    built_in()


@cache
def schema() -> "Schema":
    """What policies may speak of, parsed."""
    from cedarpy import Schema

    return Schema.from_str((_FOLDER / "platform.cedarschema").read_text())


@cache
def _statements() -> Statements:
    """The platform's own policies, by their ``@id``."""
    from cedarpy import policies_to_json_str

    text = "\n".join(path.read_text() for path in sorted(_FOLDER.glob("*.cedar")))
    found = json.loads(policies_to_json_str(text))["staticPolicies"].values()
    return {statement["annotations"]["id"]: statement for statement in found}


def _identity(principal: Principal, operation: str, resource: Resource) -> dict[str, str]:
    kind = _TYPES[operation.partition(".")[0]]
    tenant_id = resource.tenant_id or principal.tenant_id
    if kind == "Tenant" and principal.tenant_id == PLATFORM and resource.id != ANY:
        tenant_id = resource.id  # whoever asks from another tenant can only mean its own
    if kind == "Tenant":
        return {"type": kind, "id": tenant_id}
    if kind == "Member" and resource.id != ANY:
        return {"type": kind, "id": f"{resource.id}@{tenant_id}"}
    return {"type": kind, "id": resource.id}


def _entities(
    principal: Principal, who: Mapping[str, str], resource: Resource, what: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The principal and the resource; a principal may be asked about itself, but is told once."""
    tenant = {"type": "Tenant", "id": principal.tenant_id}
    facts = {"tenant": tenant, "user": principal.user}
    roles = [{"type": "Role", "id": role} for role in sorted(principal.roles)]
    tags = {name: _text(value) for name, value in principal.attributes.items()}
    found: list[dict[str, Any]] = [{"uid": who, "attrs": facts, "tags": tags, "parents": [*roles, tenant]}]
    if what["type"] != "Tenant" and what != who:
        home = {"type": "Tenant", "id": resource.tenant_id or principal.tenant_id}
        attributes: dict[str, Any] = dict(resource.attributes)
        if what["type"] == "Member":
            attributes |= {"tenant": home, "user": resource.id}
        found.append({"uid": what, "attrs": attributes, "tags": dict(resource.tags), "parents": [home]})
    return found


def _text(value: Any) -> str:
    """A member's attribute as policies see it."""
    return value if isinstance(value, str) else json.dumps(value)


def _context(circumstances: Circumstances) -> dict[str, Any]:
    at = circumstances.at
    known = {"hour": at.hour, "weekday": at.isoweekday(), "epoch": int(at.timestamp())}
    address = _address(circumstances.address)
    return known if address is None else {**known, "address": {"__extn": {"fn": "ip", "arg": address}}}


def _address(given: str | None) -> str | None:
    """The address as Cedar takes it; None if it is none (a test's, a socket's)."""
    try:
        return str(ip_address(given)) if given else None
    except ValueError:
        return None
