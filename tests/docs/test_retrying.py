"""The page on retrying does what it says."""

import re

from examples import hosting
from tests.docs.pages import commands_of, needs_curl, run

COMMANDS = commands_of("retrying.md")


@needs_curl
def test_the_commands_retry_what_was_rejected_and_keep_what_was_built(host: hosting.Host) -> None:
    ran = run(COMMANDS, host)
    shown = ran.stdout
    (first,) = set(re.findall(r'"retry_of":"(\w+)"', shown))
    # The event of the step that is kept, and its state.
    assert shown.count(f'"kept_from":"{first}"') == 2
    assert re.findall("event: (execution_(?:failed|completed))", shown) == [
        "execution_failed",
        "execution_completed",
    ]
    assert "did you mean 'build'?" in shown
    assert shown.count('"code":"VALIDATION_FAILED"') == 1
    assert '"execution_id"' in shown[shown.index('"code":"VALIDATION_FAILED"') :]
