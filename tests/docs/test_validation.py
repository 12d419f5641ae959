"""The page on validation: its commands run one after the other, and say what the page says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from examples import hosting
from tests.docs.pages import commands_of, needs_curl, run, text_of

PAGE = text_of("validation.md")
COMMANDS = commands_of("validation.md")


@pytest.fixture(scope="module")
def answers(host: hosting.Host, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], Path]:
    """What each request of the page was answered, in its order, and where files were written."""
    folder = tmp_path_factory.mktemp("validation")
    script = "\n".join(
        f"echo; {line}" if line.startswith(("ask ", "curl ")) else line for line in COMMANDS.splitlines()
    )
    script = script.replace("intent.schema.json", str(folder / "intent.schema.json"))
    ran = run(script, host)
    return [json.loads(line) for line in ran.stdout.splitlines() if line.strip()], folder


pytestmark = needs_curl


def test_the_first_answer_is_the_one_that_the_page_shows(answers: tuple[list[Any], Path]) -> None:
    report = answers[0][0]
    assert not report["valid"]
    told = [(error["pointer"], error["code"], error["stage"]) for error in report["errors"]]
    assert told == re.findall(
        r'"pointer": "(/definition/steps[^"]*)", "code": "(\w+)", "stage": "(\w+)"', PAGE
    )
    for error in report["errors"][:2]:
        assert error["message"] in PAGE
    assert report["warnings"][0]["code"] == "UNUSED"


def test_the_intent_in_yaml_is_stored(answers: tuple[list[Any], Path]) -> None:
    made = answers[0][1]
    assert made["id"] == "settle-v1"
    assert made["definition"]["steps"][2]["outputs"] == {"where": "staging"}


def test_the_schema_can_be_fetched(answers: tuple[list[Any], Path]) -> None:
    schema = json.loads((answers[1] / "intent.schema.json").read_text())
    assert schema["$defs"]["Definition"]["$anchor"] == "definition"


def test_what_the_tenant_forbids_is_refused_until_it_is_allowed_again(
    answers: tuple[list[Any], Path],
) -> None:
    forbidden, refused, allowed = answers[0][2:]
    assert forbidden["settings"]["allowed_registries"] == ["ghcr.io/acme"]
    assert [error["code"] for error in refused["errors"]] == ["FORBIDDEN_ACTION"]
    assert (allowed["settings"]["forbidden_actions"], allowed["settings"]["allowed_registries"]) == ([], None)
