"""The page on secrets does what it says."""

import json
import re
from typing import Any

from examples import hosting
from tests.docs.pages import commands_of, needs_curl, run

COMMANDS = commands_of("secrets.md")


@needs_curl
def test_a_secret_is_put_rotated_and_deleted_and_shows_no_value(host: hosting.Host) -> None:
    shown = run(COMMANDS, host).stdout
    decoder, answers = json.JSONDecoder(), []
    while shown := shown.lstrip():
        found, end = decoder.raw_decode(shown)
        answers.append(found)
        shown = shown[end:]
    put, listed, rotated, detail, gone = answers
    assert (put["name"], put["version"], put["description"]) == ("PUSH_TOKEN", 1, "pushes images")
    assert listed["items"] == [put]
    assert (rotated["version"], rotated["description"]) == (2, "pushes images")
    assert (detail["version"], detail["used_by"], detail["last_used"]) == (2, [], None)
    assert gone["code"] == "NOT_FOUND"
    assert not [text for text in _texts(answers) if re.fullmatch("[0-9a-f]{32}", text)]


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for name, one in value.items() if name != "request_id" for text in _texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) else []
