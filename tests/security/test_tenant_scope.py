"""One door to a tenant's data: where a scope is made is written down, and why it may be."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.listing import listed

ROOT = Path(__file__).parents[2]
SHIPPED = ("shared", "functions", "localhost", "quantum", "console", "function_app.py")
DOORS = "scopes.txt"
CLASS = "TenantScope"


def makers(path: Path, factories: frozenset[str] = frozenset()) -> Iterator[str]:
    """The classes and functions of a module that make a scope, whatever they call the class, or change one.

    Who calls one of the ``factories`` makes one, too.
    """
    for place in places(path.read_text("utf-8"), factories):
        yield f"{path.relative_to(ROOT)} {place[0] if place else '<module>'}"


def places(text: str, factories: frozenset[str] = frozenset()) -> list[tuple[str, ...]]:
    tree = ast.parse(text)
    aliases = (alias for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names)
    wanted = {CLASS, *factories}
    names = wanted | {alias.asname for alias in aliases if alias.name in wanted and alias.asname}
    return [place for place, node in _within(tree, ()) if _makes(node, names)]


def factories_in(path: Path) -> Iterator[str]:
    """The functions of a module that give a scope to whoever calls them, without looking who asks for it."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if not isinstance(node, ast.FunctionDef) or _named(node.returns) != CLASS:
            continue
        if "Caller" not in {_named(argument.annotation) for argument in node.args.args}:
            yield node.name


def _named(annotation: ast.expr | None) -> str:
    return annotation.id if isinstance(annotation, ast.Name) else ""


def _within(node: ast.AST, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], ast.AST]]:
    for child in ast.iter_child_nodes(node):
        yield place, child
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _within(child, (*place, child.name))
        else:
            yield from _within(child, place)


def _makes(node: ast.AST, names: set[str]) -> bool:
    """Whether the class is used for anything but to say what something is."""
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    if _is_class(called, names):
        return True
    handed = [*node.args, *(keyword.value for keyword in node.keywords)]
    if any(_is_class(one, names) for one in handed):
        # isinstance(x, TenantScope) makes none; map(TenantScope, …) does.
        return not (isinstance(called, ast.Name) and called.id == "isinstance")
    # A scope that is changed is made anew, past its door.
    changes = isinstance(called, ast.Name | ast.Attribute) and _name(called) in {"replace", "__setattr__"}
    return changes and any(keyword.arg == "tenant_id" for keyword in node.keywords)


def _is_class(node: ast.AST, names: set[str]) -> bool:
    return isinstance(node, ast.Name | ast.Attribute) and _name(node) in names


def _name(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr


def modules() -> Iterator[Path]:
    for place in SHIPPED:
        path = ROOT / place
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def test_scopes_are_made_where_it_is_written_down_and_nowhere_else() -> None:
    factories = frozenset(name for path in modules() for name in factories_in(path))
    made = {place for path in modules() for place in makers(path, factories)}
    known = listed(DOORS).keys()
    assert made - known == set(), f"a scope is a right: write into {DOORS} why these may make one"
    assert known - made == set(), f"these make none any more: take them out of {DOORS}"


@pytest.mark.parametrize(
    "text",
    [
        "def f(t):\n    return TenantScope(t)",
        "def f(t):\n    return scope.TenantScope(tenant_id=t)",
        "from shared.security.scope import TenantScope as Right\ndef f(t):\n    return Right(t)",
        "def f(ts):\n    return list(map(TenantScope, ts))",
        "def f(s, t):\n    return dataclasses.replace(s, tenant_id=t)",
        "from shared.services.tenancy.directory import tenant_scope as one\ndef f(t):\n    return one(t)",
    ],
    ids=["called", "by-its-module", "by-another-name", "handed-on", "changed", "by-a-factory"],
)
def test_whatever_way_a_scope_is_made_it_is_seen(text: str) -> None:
    assert places(text, frozenset({"tenant_scope"})) == [("f",)]


@pytest.mark.parametrize(
    "text",
    ["def f(s: TenantScope) -> TenantScope:\n    return s", "def f(s):\n    isinstance(s, TenantScope)"],
)
def test_to_say_what_a_scope_is_makes_none(text: str) -> None:
    assert places(text) == []


def test_nothing_that_a_request_says_is_made_a_scope() -> None:
    """Triggers have the scopes that authentication gives; the edge counts a caller whom it has verified."""
    in_triggers = {place for place in listed(DOORS) if place.startswith(("functions/", "quantum/"))}
    assert in_triggers == {"functions/gateway/edge.py _recognize"}
