"""Who may do what: the whole matrix, kept as a file that a change must be seen in."""

from pathlib import Path

import pytest

from shared.domain.errors import ForbiddenError
from shared.security.permissions import OPERATIONS, ROLES, permits, require
from shared.security.principals import Principal

GOLDEN = Path(__file__).with_name("permissions.golden.txt")


def _principal(*roles: str) -> Principal:
    return Principal("acme", "ada", frozenset(roles), {}, "urn:issuer", "ada")


def _matrix() -> str:
    roles = list(ROLES)
    lines = [f"{'operation':<22}" + "".join(f"{role:<10}" for role in roles)]
    for operation in sorted(OPERATIONS):
        marks = ("yes" if permits(_principal(role), operation) else "-" for role in roles)
        lines.append(f"{operation:<22}" + "".join(f"{mark:<10}" for mark in marks))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def test_each_role_may_do_what_the_golden_matrix_says() -> None:
    assert _matrix() == GOLDEN.read_text(), f"if this is meant, put this in {GOLDEN.name}:\n{_matrix()}"


def test_roles_add_up() -> None:
    both = _principal("author", "operator")
    require(both, "intents.create")
    require(both, "intents.execute")


@pytest.mark.parametrize(
    "roles", [(), ("viewer",), ("root",), ("Admin",)], ids=["none", "viewer", "unknown", "case"]
)
def test_what_no_role_permits_is_denied_and_the_answer_says_by_what(roles: tuple[str, ...]) -> None:
    with pytest.raises(ForbiddenError) as denied:
        require(_principal(*roles), "intents.execute")
    assert denied.value.policies == (tuple(f"role:{role}" for role in roles) or ("default-deny",))
    assert "ada@acme may not do intents.execute" in denied.value.message


def test_an_operation_that_does_not_exist_is_a_mistake_and_never_permitted() -> None:
    with pytest.raises(ValueError, match="no such operation"):
        permits(_principal("admin"), "intents.exekute")
