"""The page on secrets does what it says."""

import json
import re
from typing import Any

from examples import hosting
from tests.docs.pages import commands_of, needs_curl, run, text_of

COMMANDS = commands_of("secrets.md")


@needs_curl
def test_a_secret_is_put_rotated_and_deleted_and_shows_no_value(host: hosting.Host) -> None:
    shown = run(COMMANDS, host).stdout
    decoder, answers = json.JSONDecoder(), []
    while shown := shown.lstrip():
        found, end = decoder.raw_decode(shown)
        answers.append(found)
        shown = shown[end:]
    put, listed, token, intent, plan, execution, rotated, detail, gone = answers
    assert (put["name"], put["version"], put["description"]) == ("PUSH_TOKEN", 1, "pushes images")
    assert listed["items"] == [put]
    assert (rotated["version"], rotated["description"]) == (2, "pushes images")
    assert (detail["version"], detail["used_by"], detail["last_used"]) == (2, [], None)
    assert gone["code"] == "NOT_FOUND"
    assert (token["name"], intent["id"]) == ("PLATFORM_TOKEN", "who-am-i-v1")
    assert [node["secrets"] for node in plan["graph"]["nodes"]] == [["PLATFORM_TOKEN"]] * 2
    me, slip = execution["steps"]
    assert (me["outputs"]["status"], me["outputs"]["body"]["principal"]) == (200, "ada@acme")
    (error,) = re.findall(r'"message": "(GET .*?)"', text_of("secrets.md"))
    assert slip["error"]["message"].replace(host.url, "http://127.0.0.1:7071") == error
    assert "eyJ" not in json.dumps(answers), "that is how tokens begin"
    assert not [
        text for text in _texts([put, listed, rotated, detail, gone]) if re.fullmatch("[0-9a-f]{32}", text)
    ]


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for name, one in value.items() if name != "request_id" for text in _texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) else []
