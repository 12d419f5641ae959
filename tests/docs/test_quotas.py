"""The page on quotas does what it says."""

import json

from examples import hosting
from tests.docs.pages import commands_of, needs_curl, run

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
