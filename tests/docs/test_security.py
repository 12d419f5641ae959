"""The page on security promises nothing that no test holds."""

import ast
import re

from examples import hosting

PAGE = (hosting.ROOT / "docs" / "security.md").read_text()
PROMISES = re.findall(r"^\| (?!Promise|---)(.+?) \| (.+?) \|$", PAGE, re.MULTILINE)


def _tests_in(path: str) -> set[str]:
    tree = ast.parse((hosting.ROOT / path).read_text())
    functions = ast.FunctionDef, ast.AsyncFunctionDef
    return {node.name for node in tree.body if isinstance(node, functions) and node.name.startswith("test_")}


def test_every_promise_names_tests_that_there_are() -> None:
    assert len(PROMISES) > 25
    for promise, held_by in PROMISES:
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", held_by)
        assert named, f"no test holds: {promise}"
        assert [f"{path}::{test}" for path, test in named if test not in _tests_in(path)] == [], promise
