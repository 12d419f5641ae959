import time
from typing import Any

import pytest

from shared.domain.effort import shape
from shared.domain.expressions import ExpressionError, check, resolve

TEN = "[1,2,3,4,5,6,7,8,9,10]"


def nested(levels: int, items: str = TEN) -> str:
    body = "1"
    for level in range(levels):
        body = f"{items}.map(v{level}, {body})"
    return body


def doubled(levels: int) -> str:
    """Each level holds the value twice; no list is longer than one."""
    body = "x"
    for level in reversed(range(levels)):
        body = f"[x{level} + x{level}].map(x{level + 1}, {body})"
    return body.replace("x0", "'ab'")


@pytest.mark.parametrize(
    ("source", "values"),
    [
        (nested(7), {}),
        (nested(4), {}),
        (doubled(4), {"x": "y" * 2000}),
        ("parameters.l.map(a, a)", {"l": [1] * 20_000}),
        ("parameters.l.filter(a, a > 1).map(b, b)", {"l": [1] * 5_000}),
        ("parameters.l.all(a, parameters.l.exists(b, a == b))", {"l": [1] * 1_001}),
        ("parameters.l.map // .\n (a, parameters.l.map(b, parameters.l))", {"l": [1] * 300}),
        ("r'\\' == '' ? 1 : parameters.l.map(a, a).size() // '", {"l": [1] * 20_000}),
        ("+".join(["parameters.s"] * 300), {"s": "x" * 100_000}),
    ],
)
def test_an_expression_that_would_take_ages_is_refused_at_once(source: str, values: Any) -> None:
    began = time.monotonic()
    with pytest.raises(ExpressionError, match=r"too much at once|within each other"):
        resolve("${{ " + source + " }}", {"parameters": values, "x": "ab"})
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("source", [nested(7), nested(5, "[1]")])
def test_what_costs_too_much_whatever_it_is_given_is_refused_in_the_definition(source: str) -> None:
    with pytest.raises(ExpressionError, match=r"too much at once|within each other"):
        check(source, frozenset())


@pytest.mark.parametrize(
    "source",
    [
        "parameters.l.map(a, {'name': a, 'url': 'https://' + a + '.example.com'}).size() == 200",
        "parameters.l.all(a, parameters.l.exists(b, a == b))",
        "parameters.l.filter(a, a.startsWith('x')).map(b, b + '!').size() > 0",
        "'+,'.size() + '[](),+'.size() + " + "+".join(["1"] * 200) + " > 0",
        "parameters.l.map(a, a + '!').map(b, b + '?').size() == 200",
    ],
)
def test_ordinary_expressions_over_some_hundred_items_are_evaluated(source: str) -> None:
    began = time.monotonic()
    assert resolve("${{ " + source + " }}", {"parameters": {"l": ["x"] * 150 + ["y"] * 50}}) in (True, False)
    assert time.monotonic() - began < 5


def test_macros_in_strings_and_comments_are_not_counted() -> None:
    assert shape("'a.map(b, c)' + \"x.all(\" // .map(").macros == 0
    assert shape("'''a'.map(''' + r'\\'.filter(x, true)").macros == 1
    assert shape("a.map(b, c.map(d, e)).all(f, g)").depth == 2
