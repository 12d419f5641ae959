from typing import Any

import pytest

from shared.domain.dialect import MAX_MESSAGE
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
        ("/parameters/more", "UNKNOWN_PARAMETER"),
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


def test_regular_expressions_that_take_long_to_read_are_refused_unread() -> None:
    patterns = {f"p{number}": {"type": "string", "pattern": r"\w{500}"} for number in range(300)}
    assert [(error.pointer, error.code) for error in schema_errors({"properties": patterns}, "/at")] == [
        ("/at", "TOO_LARGE")
    ]
    usual = {f"p{number}": {"type": "string", "pattern": r"^\w[\w.-]{0,62}$"} for number in range(7)}
    assert schema_errors({"properties": usual}, "/at") == []


@pytest.mark.parametrize(
    "schema",
    [
        {"$defs": {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)} | {"a40": {}},
         "$ref": "#/$defs/a0"},
        {"properties": {"x": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}},
    ],
    ids=["chain", "tree"],
)  # fmt: skip
def test_references_that_double_at_every_turn_come_to_an_end(schema: dict[str, Any]) -> None:
    values: dict[str, Any] = {}
    for _ in range(40):
        values = {"x": values}
    _, errors = validate_parameters(schema, values)
    assert "without an end" in errors[0].message


def test_a_schema_that_refers_to_itself_for_a_tree_is_a_good_one() -> None:
    schema = {"properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}
    wide: dict[str, Any] = {"children": [{"children": [{}] * 30}] * 30}
    assert validate_parameters(schema, wide) == (wide, [])


def test_a_misspelt_type_is_told_with_the_types_that_there_are() -> None:
    (error,) = schema_errors({"properties": {"region": {"type": "strin"}}}, "/at")
    assert error.pointer == "/at/properties/region/type"
    assert error.message.startswith("'strin' is not a type; use one of array, boolean,")
    assert error.message.endswith("did you mean 'string'?")


def test_items_are_told_apart_in_linear_time_and_as_json_does() -> None:
    schema = {"properties": {"a": {"uniqueItems": True}}}
    assert validate_parameters(schema, {"a": [{"i": i} for i in range(30_000)]})[1] == []
    assert validate_parameters(schema, {"a": [1, True, "1", [1], {"i": 1}]})[1] == []
    for twice in ([1, 1.0], [{"a": 1, "b": [2]}, {"b": [2.0], "a": 1}], ["x", "y", "x"]):
        _, errors = validate_parameters(schema, {"a": twice})
        assert [(error.pointer, error.code) for error in errors] == [("/parameters/a", "VALUE")]


@pytest.mark.parametrize(
    ("part", "values"),
    [
        ({"items": {"anyOf": [{"anyOf": [{"type": "string"}] * 30}] * 30}}, [0] * 5000),
        ({"items": {"enum": [{"i": -j} for j in range(3000)]}}, [{"i": i} for i in range(5000)]),
        ({"anyOf": [{"type": "string"}] * 900}, [["x" * 100] * 5000]),
        ({"items": {"properties": {f"p{i}": {} for i in range(900)}}}, [{}] * 5000),
    ],
    ids=["branches", "enum", "large-messages", "properties"],
)
def test_what_takes_ages_to_be_held_against_a_schema_is_given_up(part: Any, values: Any) -> None:
    _, errors = validate_parameters({"properties": {"a": part}}, {"a": values})
    assert errors[-1].code == "TOO_LARGE"
    assert "may take too long" in errors[-1].message


def test_no_message_repeats_a_large_value() -> None:
    _, errors = validate_parameters({"properties": {"a": {"type": "integer"}}}, {"a": "x" * 100_000})
    assert len(errors[0].message) <= MAX_MESSAGE


def test_many_values_of_an_ordinary_schema_are_within_the_bounds() -> None:
    names = ["id", "title", "severity", "package", "version"]
    finding = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": names,
        "additionalProperties": False,
    }
    values = {"a": [dict.fromkeys(names, "text") for _ in range(5000)]}
    assert validate_parameters({"properties": {"a": {"items": finding}}}, values)[1] == []
