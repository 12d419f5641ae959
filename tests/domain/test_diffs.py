from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.diffs import MAX_LINES, Diff, diff

BUILD = {"id": "build", "action": "build-container", "image": "shop:1"}
TEST = {"id": "test", "action": "assert", "condition": "true"}
DEPLOY = {"id": "deploy", "action": "deploy-to-kubernetes", "replicas": 2, "depends_on": ["build"]}


def between(old: dict[str, Any], new: dict[str, Any]) -> Diff:
    return diff("shop", (1, old), (2, new))


def steps(old: list[Any], new: list[Any]) -> list[str]:
    return list(between({"steps": old}, {"steps": new}).lines)


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ([BUILD], [BUILD, DEPLOY], ["step 'deploy' (deploy-to-kubernetes) added after 'build'"]),
        ([BUILD], [TEST, BUILD], ["step 'test' (assert) added to the beginning"]),
        ([BUILD, TEST], [BUILD], ["step 'test' (assert) removed"]),
        ([BUILD, TEST, DEPLOY], [TEST, DEPLOY, BUILD], ["step 'build' moved after 'deploy'"]),
        ([BUILD], [BUILD | {"image": "shop:2"}], ["""step 'build': image: "shop:1" → "shop:2\""""]),
        ([BUILD], [BUILD | {"timeout": 60}], ["step 'build': timeout added: 60"]),
        (
            [DEPLOY],
            [{key: value for key, value in DEPLOY.items() if key != "depends_on"}],
            ["""step 'deploy': depends_on removed (was ["build"])"""],
        ),
        (
            [{"action": "wait", "seconds": 1}],
            [{"action": "wait", "seconds": 2}],
            ["step 'wait-1': seconds: 1 → 2"],
        ),
        (
            [BUILD],
            [{"id": "build", "action": "build-container", "parameters": {"image": "shop:2"}}],
            ["""step 'build': image: "shop:1" → "shop:2\""""],
        ),
    ],
)
def test_the_text_names_the_steps_and_what_changed_in_them(
    old: list[Any], new: list[Any], lines: list[str]
) -> None:
    assert steps(old, new) == lines


def test_the_text_tells_of_target_and_parameters() -> None:
    old = {"target": "staging", "parameters": {"properties": {"n": {"type": "integer", "default": 1}}}}
    new = {"target": "production", "parameters": {"properties": {"n": {"type": "integer", "default": 2}}}}
    assert between(old, new).lines == [
        'target: "staging" → "production"',
        "parameters.properties.n.default: 1 → 2",
    ]


def test_final_steps_are_told_apart_from_steps() -> None:
    assert between({"finally": []}, {"finally": [TEST]}).lines == [
        "final step 'test' (assert) added to the beginning"
    ]


def test_another_spelling_of_the_same_is_said_to_be_one() -> None:
    long = {"id": "build", "action": "build-container", "parameters": {"image": "shop:1"}}
    found = between({"steps": [BUILD]}, {"steps": [long]})
    assert found.patch
    assert found.lines == ["only the spelling changed; it means the same"]


def test_what_is_the_same_has_no_difference() -> None:
    found = between({"steps": [BUILD]}, {"steps": [dict(reversed(BUILD.items()))]})
    assert (found.patch, found.lines) == ([], ["nothing changed"])


def test_a_long_value_is_cut() -> None:
    (line,) = steps([BUILD], [BUILD | {"image": "x" * 5000}])
    assert len(line) < 200
    assert line.endswith("…")


def test_a_text_that_nobody_would_read_is_cut() -> None:
    names = [str(number) for number in range(MAX_LINES + 1)]
    found = between({"environment": dict.fromkeys(names, 0)}, {"environment": dict.fromkeys(names, 1)})
    assert len(found.lines) == MAX_LINES + 1
    assert found.lines[-1] == "… and more"


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
STEP = st.builds(
    lambda fields, action: {**fields, "action": action},
    st.dictionaries(st.sampled_from(["x", "y", "when", "parameters", "retry"]), VALUES, max_size=3),
    st.sampled_from(["wait", "assert"]),
)
DEFINITIONS = st.fixed_dictionaries(
    {},
    optional={
        "target": st.text(max_size=3),
        "parameters": st.dictionaries(st.text(max_size=3), VALUES, max_size=3),
        "steps": st.lists(STEP, max_size=4),
        "finally": st.none() | st.lists(STEP, max_size=2),
        "environment": VALUES,
    },
)


@given(DEFINITIONS, DEFINITIONS)
def test_every_difference_has_words(old: dict[str, Any], new: dict[str, Any]) -> None:
    found = between(old, new)
    assert (found.lines == ["nothing changed"]) == (found.patch == [])
    assert found.lines
