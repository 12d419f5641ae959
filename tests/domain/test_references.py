from typing import Any

import pytest

from shared.domain.references import held, referenced, references_from


def runs(**fields: Any) -> dict[str, Any]:
    return {"id": "r", "action": "run-intent", **fields}


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ({}, {}),
        ({"steps": None}, {}),
        ({"steps": [runs(intent="b")]}, {"b": "/definition/steps/0/intent"}),
        ({"steps": [runs(intent="b-v2")]}, {"b": "/definition/steps/0/intent"}),
        ({"steps": [runs(parameters={"intent": "b"})]}, {"b": "/definition/steps/0/parameters/intent"}),
        ({"finally": [runs(intent="b")]}, {"b": "/definition/finally/0/intent"}),
        (
            {"steps": [{"action": "wait", "compensate": runs(intent="b")}, runs(intent="b")]},
            {"b": "/definition/steps/0/compensate/intent"},
        ),
        ({"steps": [{"action": "transform", "intent": "b"}, runs(intent="${{ target }}"), runs()]}, {}),
    ],
)
def test_what_a_definition_runs_is_found_wherever_it_is_named(
    definition: dict[str, Any], expected: dict[str, str]
) -> None:
    assert referenced(definition) == expected


def test_what_the_active_and_later_versions_run_is_held() -> None:
    references = {"2": ["a"], "10": ["b"], "3": ["a", "c"]}
    assert held(references) == {"a", "b", "c"}
    assert references_from(references, 3) == {"3": ["a", "c"], "10": ["b"]}
    assert held(references_from(references, 11)) == frozenset()
