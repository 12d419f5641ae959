"""The codes that actions fail with: declared, each of them, and none that nothing fails with."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.actions import catalogue
from shared.domain.failures import ANY_STEP, MODULE_CALLS, Failure

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = [
    *(ROOT / "shared" / "modules").rglob("*.py"),
    *(ROOT / "shared" / "services" / "steps").glob("*.py"),
    *(ROOT / "localhost" / "target").glob("*.py"),
]
RAISED = {"ActionError", "TargetError", "ChildRefusedError"}
DECLARED = [one for action in catalogue().actions() for one in action.failures]
EVERY: list[Failure] = [*DECLARED, *ANY_STEP, *MODULE_CALLS]


def codes(node: ast.expr) -> Iterator[str]:
    """The codes that an expression may come to, as far as it spells them."""
    match node:
        case ast.Constant(value=str() as code):
            yield code
        case ast.IfExp(body=body, orelse=orelse):
            yield from codes(body)
            yield from codes(orelse)
        case _:
            pass


def failing(path: Path) -> Iterator[tuple[str, bool | None]]:
    """What is raised there, and whether it may be tried again, where that is spelled."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RAISED:
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            again = given.get("retryable", ast.Constant(value=False))
            spelled = again.value if isinstance(again, ast.Constant) else None
            for code in codes(node.args[0]) if node.args else ():
                yield code, bool(spelled) if spelled is not None else None


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_raised_is_declared_as_it_is_raised(path: Path) -> None:
    for code, retryable in failing(path):
        declared = {one.retryable for one in EVERY if one.code == code}
        assert declared, f"{code} is of no action"
        assert retryable is None or declared & {None, retryable}, f"{code} is declared otherwise"


def test_nothing_is_declared_that_nothing_raises() -> None:
    spelled = {
        word for path in SOURCES for word in re.findall(r'"([A-Z][A-Z0-9_]+)"', path.read_text("utf-8"))
    }
    assert {one.code for one in EVERY} <= spelled


def test_a_code_is_declared_once_by_an_action() -> None:
    for action in catalogue().actions():
        own = [one.code for one in (*action.failures, *ANY_STEP)]
        assert len(own) == len(set(own)), action.name
