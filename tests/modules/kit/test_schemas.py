"""How every action describes itself."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from scripts.actions import catalogue
from shared.ports.actions import Action
from tests.modules.kit.specimen import Surroundings
from tests.modules.kit.specimens import SPECIMENS, action_of


def described(schema: Mapping[str, Any], models: Mapping[str, Any], at: str) -> Iterator[tuple[str, bool]]:
    """Every property in a JSON Schema, and whether it, or the model that it is, has a description."""
    for name, one in schema.get("properties", {}).items():
        model = models.get(one.get("$ref", "").removeprefix("#/$defs/"), {})
        yield f"{at}/{name}", bool(one.get("description") or model.get("description"))
    for name, one in schema.get("$defs", {}).items():
        yield from described(one, models, f"{at}/{name}")


@pytest.fixture(params=SPECIMENS)
async def specimen(request: pytest.FixtureRequest, surroundings: Surroundings) -> Any:
    async with SPECIMENS[request.param](surroundings) as opened:
        yield opened


def test_all_that_an_action_takes_and_comes_to_is_described(specimen: Any) -> None:
    action: Action = specimen.make()
    for model in (action.Parameters, action.Outputs):
        schema = model.model_json_schema()
        Draft202012Validator.check_schema(schema)
        assert [
            place for place, told in described(schema, schema.get("$defs", {}), model.__name__) if not told
        ] == []


async def test_parameters_and_outputs_fit_their_schemas_and_nothing_else_does(specimen: Any) -> None:
    action: Action = specimen.make()
    parameters = Draft202012Validator(action.Parameters.model_json_schema())
    outputs = Draft202012Validator(action.Outputs.model_json_schema())
    assert [error.message for error in parameters.iter_errors(dict(specimen.parameters))] == []
    unknown = {**specimen.parameters, "no_such_parameter": 1}
    assert not parameters.is_valid(unknown)
    with pytest.raises(ValidationError):
        action.Parameters.model_validate(unknown)
    assert [error.message for error in outputs.iter_errors(await specimen.outputs())] == []


def test_every_specimen_is_of_the_action_that_it_is_called_after(
    specimen: Any, request: pytest.FixtureRequest
) -> None:
    assert specimen.make().name == action_of(request.node.callspec.params["specimen"])


def test_every_action_has_a_specimen() -> None:
    names = {action.name for action in catalogue().actions()}
    assert names == set(map(action_of, SPECIMENS)), "an action without a specimen promises nothing"
