"""Secrets are compared in constant time: a lint of everything that runs."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from examples.hosting import ROOT

SECRET = re.compile(
    r"(^|_)(secret|secrets|signature|seal|sealed|mac|hmac|password|passwd|api_?key|master_?key|"
    r"access_?token|bearer|nonce|challenge|verifier|fingerprint|user_code|device_code)$"
)
"""What names something whose value must not be found by trying, as a rule."""
HARMLESS = {("shared/services/secrets/leftovers.py", "secret"): "the key that a document is kept under"}
FOLDERS = ("functions", "shared", "localhost", "quantum")


def compared(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of everything that is called like a secret and compared by ``==`` or ``!=``."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Compare):
            continue
        if not any(isinstance(one, ast.Eq | ast.NotEq) for one in node.ops):
            continue
        sides = [node.left, *node.comparators]
        if any(isinstance(side, ast.Constant) for side in sides):
            continue
        for side in sides:
            if (name := _name(side)) and SECRET.search(name):
                yield node.lineno, name


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case ast.Call(func=called):
            return _name(called)
    return ""


def test_nothing_secret_is_compared_in_a_time_that_tells_of_it() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, name in compared(path.read_text())
        if (str(path.relative_to(ROOT)), name) not in HARMLESS
    ]
    assert found == []


def test_the_lint_sees_what_it_is_for() -> None:
    seen = "a.secret == given\nif row['signature'] != made: pass\nx = mac(a) == b\nkind == 'secret'\n"
    assert list(compared(seen)) == [(1, "secret"), (2, "signature"), (3, "mac")]
    assert list(compared("hmac.compare_digest(secret, given)\nmade = secret\nsecret is None\n")) == []


def test_it_looks_at_files_that_are_there() -> None:
    assert all((ROOT / path).exists() for path, _ in HARMLESS)
    assert len(list(Path(ROOT / "shared").rglob("*.py"))) > 100
