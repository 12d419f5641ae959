"""The page on steering does what it says."""

import re

from examples import hosting
from tests.docs.pages import commands_of, needs_curl, run, text_of
from tests.e2e.api import Api

PAGE = text_of("steering.md")
COMMANDS = commands_of("steering.md")
SAID = re.findall(r"field '.*' *# (.*)", COMMANDS)


@needs_curl
def test_the_commands_pause_resume_terminate_and_cancel_in_bulk(api: Api, host: hosting.Host) -> None:
    ran = run(COMMANDS, host)
    assert len(SAID) == 5
    places = [re.search(rf"{re.escape(said)}$", ran.stdout, re.MULTILINE) for said in SAID]
    assert None not in places, (SAID, ran.stdout + ran.stderr)
    # Two pages, for the first has no more than two; what was told to end does.
    assert ran.stdout.splitlines()[-1] in {"cancelling", "cancelled"}, ran.stdout + ran.stderr
    moves = api.client.get("/executions", params={"intent": "move"}).json()["items"]
    assert len(moves) == 4
    for move in moves:
        list(api.events(move["execution_id"]))
        assert api.get(move["execution_id"])["status"] == "cancelled"
