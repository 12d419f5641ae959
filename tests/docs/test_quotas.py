"""The page on quotas does what it says."""

import json
import re

from examples import hosting
from shared.domain.quotas import DEFAULTS
from tests.docs.pages import commands_of, needs_curl, run, text_of

COMMANDS = commands_of("quotas.md")


@needs_curl
def test_the_commands_lead_to_a_refusal_and_past_it(host: hosting.Host) -> None:
    shown = run(COMMANDS, host).stdout
    answers = [json.loads(line) for line in shown.splitlines() if line.strip()]
    configured, first, refused, usage, second, ceiling = answers
    assert configured["settings"]["quotas"]["intents"] == 1
    assert first["name"] == "only-one"
    assert (refused["status"], refused["violated_policies"]) == (429, ["intents"])
    assert usage["quotas"]["intents"] == {"used": 1, "limit": 1}
    assert second["name"] == "after-that"
    assert [error["code"] for error in ceiling["errors"]] == ["CEILING"]


def test_the_page_tells_of_every_quota() -> None:
    told = re.findall(r"^\| `(\w+)` \| (16 MiB|[\d,]+)", text_of("quotas.md"), re.MULTILINE)
    said = {name: text.replace(",", "").replace("16 MiB", str(16 * 1024 * 1024)) for name, text in told}
    assert said == {name: str(number) for name, number in DEFAULTS.to_json().items()}
