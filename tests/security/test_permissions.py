"""Who may do what: the whole matrix, asked of the engine and kept as a file that a change must be seen in."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from shared.security import authorization
from shared.security.authorization import ANYTHING, Circumstances, Resource, built_in, refusal
from shared.security.decisions import Decision
from shared.security.permissions import OPERATIONS, PLATFORM_ROLES, ROLES
from shared.security.principals import Principal, PrincipalKind

GOLDEN = Path(__file__).with_name("permissions.golden.txt")
POLICIES = Path(authorization.__file__).with_name("policies")
NOON = Circumstances(datetime(2026, 3, 4, 12, tzinfo=UTC), "192.0.2.7")


@cache
def golden() -> Mapping[str, frozenset[str]]:
    """The operations that the golden matrix permits each role."""
    head, *lines = (line.split() for line in GOLDEN.read_text().splitlines())
    return {
        role: frozenset(line[0] for line in lines if line[column] == "yes")
        for column, role in enumerate(head)
        if column
    }


def principal(*roles: str, kind: PrincipalKind = "user", tenant: str = "acme") -> Principal:
    return Principal(tenant, "ada", frozenset(roles), {}, "urn:issuer", "ada", kind)


def decision(who: Principal, operation: str, resource: Resource = ANYTHING) -> Decision:
    return built_in().decide(who, operation, resource, NOON)


def _matrix(kind: PrincipalKind, resource: Resource) -> str:
    tenants = {role: "acme" if role in ROLES else "platform" for role in PLATFORM_ROLES}
    lines = [f"{'operation':<22}" + "".join(f"{role:<10}" for role in tenants)]
    for operation in sorted(OPERATIONS):
        asked = (
            decision(principal(role, kind=kind, tenant=tenant), operation, resource).allowed
            for role, tenant in tenants.items()
        )
        lines.append(f"{operation:<22}" + "".join(f"{'yes' if allowed else '-':<10}" for allowed in asked))
    return "\n".join(line.rstrip() for line in lines) + "\n"


@pytest.mark.parametrize("kind", get_args(PrincipalKind.__value__))
@pytest.mark.parametrize("resource", [ANYTHING, Resource("ada")], ids=["any", "one"])
def test_each_role_may_do_what_the_golden_matrix_says(kind: PrincipalKind, resource: Resource) -> None:
    matrix = _matrix(kind, resource)
    assert matrix == GOLDEN.read_text(), f"if this is meant, put this in {GOLDEN.name}:\n{matrix}"


def test_the_operations_are_the_actions_of_the_schema_and_each_role_is_a_policy() -> None:
    schema = re.sub("//.*", "", (POLICIES / "platform.cedarschema").read_text())
    actions = [
        name for listed in re.findall(r"action\s+([^;]*?)\s+appliesTo", schema) for name in listed.split(",")
    ]
    assert sorted(name.strip().strip('"') for name in actions) == sorted(OPERATIONS)
    assert {path.stem for path in POLICIES.glob("*.cedar")} == {*PLATFORM_ROLES, "tenants"}


def test_the_platforms_own_policies_fit_its_schema() -> None:
    import cedarpy

    text = "\n".join(path.read_text() for path in sorted(POLICIES.glob("*.cedar")))
    found = cedarpy.validate_policies(text, (POLICIES / "platform.cedarschema").read_text())
    assert found.errors == []


def test_what_permits_is_named_with_the_version_of_the_set() -> None:
    both = decision(principal("operator", "admin"), "intents.execute")
    assert both == Decision(
        "intents.execute", allowed=True, policies=("role-admin", "role-operator"), version=built_in().version
    )


@pytest.mark.parametrize("operation", ["intents.read", "members.read", "tenants.read"])
def test_nobody_does_anything_to_what_is_another_tenants(operation: str) -> None:
    theirs = decision(principal("admin"), operation, Resource("ada", tenant_id="globex"))
    assert (theirs.allowed, theirs.policies) == (False, ("tenant-boundary",))


MANAGED = {f"tenants.{verb}" for verb in ("allow", "configure", "create", "erase", "list", "read", "suspend")}
"""What an administrator of the platform may do to tenants that are not its own."""


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_who_administers_the_platform_manages_other_tenants_and_sees_nothing_in_them(operation: str) -> None:
    root = principal("platform-admin", *ROLES, tenant="platform")
    theirs = decision(root, operation, Resource("acme", tenant_id="acme"))
    assert theirs.allowed == (operation in MANAGED)
    if operation not in MANAGED:
        assert theirs.policies == ("tenant-boundary",)


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_the_role_of_platform_administrators_is_worth_nothing_elsewhere(operation: str) -> None:
    own = decision(principal("platform-admin", tenant="acme"), operation)
    other = decision(principal("platform-admin", tenant="acme"), operation, Resource("x", tenant_id="globex"))
    assert (own.allowed, other.allowed) == (False, False)
    member = principal(*ROLES, tenant="platform")
    assert not decision(member, operation, Resource("x", tenant_id="globex")).allowed


def test_roles_add_up() -> None:
    both = principal("author", "operator")
    assert decision(both, "intents.create").allowed
    assert decision(both, "intents.execute").allowed


@pytest.mark.parametrize(
    "roles", [(), ("viewer",), ("root",), ("Admin",)], ids=["none", "viewer", "unknown", "case"]
)
def test_what_no_role_permits_is_denied_and_the_answer_says_so(roles: tuple[str, ...]) -> None:
    denied = refusal(principal(*roles), decision(principal(*roles), "intents.execute"))
    assert denied.policies == ("default-deny",)
    why = f"nothing permits it to who has its roles ({''.join(roles) or 'none'})"
    assert denied.message == f"ada@acme may not do intents.execute: {why}"


@pytest.mark.parametrize("attributes", [{"colour": "red"}, {"target": 7}], ids=["unknown", "type"])
def test_what_the_engine_cannot_decide_is_denied(attributes: dict[str, str]) -> None:
    undecided = decision(principal("admin"), "intents.execute", Resource("deploy", attributes))
    assert undecided == Decision(
        "intents.execute", allowed=False, policies=("default-deny",), version=built_in().version
    )


def test_an_operation_that_does_not_exist_is_a_mistake_and_never_permitted() -> None:
    with pytest.raises(ValueError, match="no such operation"):
        decision(principal("admin"), "intents.exekute")
