"""What regular expressions may cost: none is larger than it is taken for, and all of them together end."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.expressions import ExpressionError, condition
from shared.domain.parameters import schema_errors, validate_parameters
from shared.domain.patterns import Matching, PatternError, Size, size_of

UNICODE = (r"\w", r"\D", r"\pL", r"\p{Greek}", r"[\w.-]", r"[^]\s]", r"[a[\d]b]", r"[)\w]", r"[(\S]")
SMALL = ("a", ".", r"\.", r"\[", "[a-z]", "[]x]", "^", r"\x{41}", "é")
OPENING = ("(", "(?:", "(?i:", "(?P<n>", "(?<n>")

type Written = tuple[str, int, int]
"""A pattern, and its characters and classes of Unicode with all repetitions written out."""


def repeated(one: Written, low: int, high: int, form: str) -> Written:
    text, states, classes = one
    most = 1 if form == "*" else max(low, high, 1)
    return f"{text}{form.format(low=low, high=max(low, high))}", states * most, classes * most


def group(parts: list[Written], opening: str, between: str) -> Written:
    text = between.join(part[0] for part in parts)
    return f"{opening}{text})", sum(part[1] for part in parts), sum(part[2] for part in parts)


ATOMS = st.sampled_from(UNICODE).map(lambda text: (text, 1, 1)) | st.sampled_from(SMALL).map(
    lambda text: (text, 1, 0)
)
WRITTEN = st.recursive(
    ATOMS,
    lambda inner: (
        st.builds(
            group,
            st.lists(inner, min_size=1, max_size=4),
            st.sampled_from(OPENING),
            st.sampled_from(["", "|"]),
        )
        | st.builds(
            repeated,
            inner,
            st.integers(0, 3),
            st.integers(1, 5),
            st.sampled_from(
                ["{{{high}}}", "{{{low},{high}}}", "{{,{high}}}", "{{ {high} }}", "{{{high}}}?", "*"]
            ),
        )
    ),
    max_leaves=8,
)


@given(WRITTEN)
@settings(max_examples=300, deadline=None)
def test_no_pattern_is_larger_than_it_is_taken_for(written: Written) -> None:
    text, states, classes = written
    assert size_of(text).states >= states
    assert size_of(text).classes >= classes
    assert size_of("(?x)" + text).classes >= classes


@pytest.mark.parametrize(
    ("pattern", "size"),
    [
        ("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", Size(66, 0)),
        (r"^\d{4}-\d{2}-\d{2}$", Size(12, 8)),
        (r"[\w.-]{1,63}", Size(63, 63)),
        (r"((\w{10}){10}){10}", Size(1110, 1000)),
        ("(((((", Size(5, 0)),
        ("\\", Size(1, 0)),
        ("", Size(0, 0)),
    ],
)
def test_usual_patterns_are_taken_for_what_they_are(pattern: str, size: Size) -> None:
    assert size_of(pattern) == size


@given(st.text(r"\[](){}|*+?^$.,:<>Px019wpL-", max_size=30))
@settings(max_examples=300, deadline=None)
def test_whatever_the_text_it_is_matched_or_refused(text: str) -> None:
    assert size_of(text).states <= 10 ** len(text) * 10
    matching = Matching()
    with suppress(PatternError):
        assert isinstance(matching.matches("abc 123", text), bool)


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("parameters.l.exists(p, 'a'.matches(p))", {"l": [r"\w{100}$"] * 1000}),
        (r"parameters.l.exists(p, p.matches('\\w{100}$'))", {"l": ["a"] * 1000}),
        (r"parameters.l.exists(p, p.matches('(?x) \\w { 100 } $'))", {"l": ["a"] * 1000}),
        ("parameters.l.exists(p, 'a'.matches('(' + p + '){10}$'))", {"l": [r"\w{9}"] * 200}),
        ("'a'.matches(parameters.p)", {"p": r"\PL" * 100_000}),
        ("'a' . matches // b\n (parameters.p)", {"p": r"\PL" * 100_000}),
        ("parameters.t.matches('^([abcd]*a[abcd]{500}[xyz])+$')", {"t": "abcd" * 100_000}),
        (r"matches(parameters.t, '(\\w{90}x){50}$')", {"t": "a"}),
    ],
    ids=["given", "literal", "verbose", "joined", "long", "spaced", "states", "function"],
)
def test_matches_that_would_take_ages_together_are_given_up(source: str, values: Any) -> None:
    with pytest.raises(ExpressionError, match="regular expressions may take too long"):
        condition(source, {"parameters": values})


@pytest.mark.parametrize(
    ("source", "holds"),
    [
        ("parameters.l.all(p, p.matches('^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'))", True),
        (r"parameters.l.filter(p, p.matches('^\\d+$')).size() == 0", True),
        ("parameters.t.matches('b$') && !parameters.t.matches(parameters.p)", True),
        ("'matches(\"a\")'.matches('matches[(]\"a')", True),
        ("true || 'a'.matches('(')", True),
        ("has(parameters.matches) || 'x'.matches('x')", True),
    ],
)
def test_usual_matches_are_what_they_were(source: str, holds: bool) -> None:
    values = {"l": [f"name-{number}" for number in range(300)], "t": "a" * 200_000 + "b", "p": "^b"}
    assert condition(source, {"parameters": values}) is holds


def test_what_is_no_pattern_is_told() -> None:
    for source in ("'a'.matches('(')", "'a'.matches('(?=a)')", r"'aa'.matches('(a)\\1')"):
        with pytest.raises(ExpressionError, match="it is not a regular expression"):
            condition(source, {})


@pytest.mark.parametrize(
    "dialect", ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"]
)
@pytest.mark.parametrize(
    "shape",
    [
        lambda part: {"properties": {"a": part}},
        lambda part: {"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": part}},
        lambda part: {"$defs": {"x": {"properties": {"a": part}}}, "allOf": [{"$ref": "#/$defs/x"}]},
        lambda part: {"propertyNames": {"anyOf": [{"maxLength": 1}, part]}, "properties": {"a": part}},
    ],
    ids=["part", "reference", "all", "names"],
)
def test_no_part_of_a_schema_brings_an_engine_that_backtracks(dialect: str, shape: Any) -> None:
    schema = shape({"$schema": dialect, "pattern": "^(a+)+$"})
    for declared in (schema, {"$schema": dialect, **schema}):
        assert schema_errors(declared, "") == []
        _, errors = validate_parameters(declared, {"a": "a" * 5000 + "!"})
        assert [error.pointer for error in errors] == ["/parameters/a"]


def test_the_patterns_of_a_schema_are_bounded_over_all_values() -> None:
    schema = {"properties": {"a": {"type": "array", "items": {"pattern": r"^\w{50}$"}}}}
    assert schema_errors(schema, "") == []
    assert validate_parameters(schema, {"a": ["b" * 50] * 5})[1] == []
    (error,) = validate_parameters(schema, {"a": ["b" * 50] * 1000})[1]
    assert (error.pointer, error.code) == ("/parameters", "TOO_LARGE")
