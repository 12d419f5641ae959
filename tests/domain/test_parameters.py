from typing import Any

import pytest

from shared.domain.errors import FieldError
from shared.domain.parameters import schema_errors, validate_parameters

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["replicas", "name"],
    "properties": {
        "replicas": {"type": "integer", "minimum": 1},
        "name": {"type": "string", "pattern": "^[a-z]+$"},
        "region": {"type": "string", "default": "westus"},
        "tags": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "additionalProperties": False,
}


def test_defaults_complete_what_was_given() -> None:
    values, errors = validate_parameters(SCHEMA, {"replicas": 1, "name": "web"})
    assert errors == []
    assert values == {"replicas": 1, "name": "web", "region": "westus"}


def test_every_error_is_found_with_its_place() -> None:
    _, errors = validate_parameters(SCHEMA, {"replicas": "3", "tags": {"a": 1}, "more": 1})
    assert {(error.pointer, error.code) for error in errors} == {
        ("/parameters/replicas", "TYPE"),
        ("/parameters/name", "REQUIRED"),
        ("/parameters/tags/a", "TYPE"),
        ("/parameters", "VALUE"),
    }


def test_an_intent_that_declares_nothing_takes_anything() -> None:
    assert validate_parameters(None, {"a": 1}) == ({"a": 1}, [])
    assert validate_parameters({}, {"a": 1}) == ({"a": 1}, [])


def test_a_pattern_is_searched_for_in_linear_time() -> None:
    schema = {"properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    _, errors = validate_parameters(schema, {"a": "a" * 5000 + "!"})
    assert [error.pointer for error in errors] == ["/parameters/a"]


@pytest.mark.parametrize("reference", ["http://127.0.0.1:9/schema", "file:///etc/hostname", "#/nowhere"])
def test_a_reference_never_leaves_the_schema(reference: str) -> None:
    _, errors = validate_parameters({"$ref": reference}, {})
    assert [(error.pointer, error.code) for error in errors] == [("/parameters", "SCHEMA")]


def test_a_schema_that_refers_to_itself_without_end_is_an_error() -> None:
    _, errors = validate_parameters({"$ref": "#"}, {})
    assert "without an end" in errors[0].message


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"type": "objekt"}, "/at/type"),
        ({"type": "string"}, "/at/type"),
        ({"properties": {"a": {"minimum": "1"}}}, "/at/properties/a/minimum"),
        ({"properties": {"a": {"pattern": "(?=look)"}}}, "/at/properties/a/pattern"),
        ({"properties": {"a": {"$ref": "https://example.com/s"}}}, "/at/properties/a/$ref"),
        ({"patternProperties": {"^a": {}}}, "/at/patternProperties"),
    ],
)
def test_what_is_wrong_with_a_schema_is_told_with_its_place(schema: dict[str, Any], place: str) -> None:
    assert place in [error.pointer for error in schema_errors(schema, "/at")]


def test_a_good_schema_has_no_errors() -> None:
    assert schema_errors(SCHEMA, "/at") == list[FieldError]()
