"""The templates can be read, and every name in them leads somewhere."""

from pathlib import Path

import pytest

from tests.infra.bicep.deployment import BicepError, deploy
from tests.infra.bicep.symbols import loaded, problems, unfit_parameters, unused_outputs
from tests.infra.bicep.syntax import faults, read
from tests.infra.conftest import EVERY, GIVEN, MAIN, deployed

FILES = sorted(MAIN.parent.rglob("*.bicep"))
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


@each_file
def test_a_template_is_bicep_from_its_first_character_to_its_last(path: Path) -> None:
    assert faults(read(path).root) == []


@each_file
def test_every_symbol_parameter_output_and_file_of_a_template_is_there_and_used(path: Path) -> None:
    assert list(problems(read(path))) == []


def test_no_module_has_an_output_that_nobody_takes() -> None:
    assert list(unused_outputs([read(path) for path in FILES], read(MAIN))) == []


def test_every_file_of_the_infrastructure_is_used() -> None:
    reached = {MAIN, MAIN.with_name("main.parameters.json")}
    reached.update(path for file in FILES for path in loaded(read(file)))
    assert {path for path in MAIN.parent.rglob("*") if path.is_file()} == reached


def test_the_parameters_file_gives_what_is_required_and_nothing_unknown() -> None:
    assert list(unfit_parameters(read(MAIN), MAIN.with_name("main.parameters.json"))) == []


@pytest.mark.parametrize("name", EVERY)
def test_every_profile_can_be_deployed_with_every_switch(name: str) -> None:
    ids = [resource.id for resource in deployed(name).resources]
    assert len(ids) > 40
    assert len(ids) == len(set(ids)), "two resources are the same one"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"profile": "staging"}, "not allowed"),
        ({"environmentName": ""}, "too short"),
        ({"location": 1}, "not of type string"),
        ({"colour": "blue"}, "no parameter colour"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(changed: dict[str, object], why: str) -> None:
    with pytest.raises(BicepError, match=why):
        deploy(MAIN, {**GIVEN, **changed})


WRONG = """
param unused string
param given string
var a = missing
var b = nosuch(given)
module m 'm.bicep' = {
  params: { extra: b }
}
module n 'none.bicep' = {}
output c string = m.outputs.d
output d string = a ? 'x' : m.outputs.e
output f string = loadTextContent('none.txt')
"""


def test_the_checks_find_what_is_planted(tmp_path: Path) -> None:
    (tmp_path / "m.bicep").write_text("param needed string\noutput x string = needed\n")
    (tmp_path / "wrong.bicep").write_text(WRONG)
    found = "\n".join(problems(read(tmp_path / "wrong.bicep")))
    assert found.splitlines() == [
        "missing is not declared (line 4)",
        "there is no function nosuch (line 5)",
        "module m: there is no parameter extra",
        "module m: needed is not given",
        "module n: there is no file none.bicep",
        f"there is no file {tmp_path / 'none.txt'}",
        "param unused is not used",
        "m has no output d",
        "m has no output e",
    ]


def test_a_template_that_is_not_bicep_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "broken.bicep").write_text("param a string\nresource b 'x@y = {\n}\n")
    first, *_ = faults(read(tmp_path / "broken.bicep").root)
    assert first.startswith("2:1 ")
