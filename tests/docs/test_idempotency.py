"""The page on asking again does what it says."""

import re

from examples import hosting
from tests.docs.pages import commands_of, needs_curl, run

COMMANDS = commands_of("idempotency.md")


@needs_curl
def test_the_commands_make_one_execution_and_the_other_request_is_refused(host: hosting.Host) -> None:
    ran = run(COMMANDS, host)
    shown = ran.stdout
    assert '"id":"again-v1"' in shown, shown
    executions = re.findall(r'"execution_id":"(\w+)"', shown)
    assert len(executions) == 2
    assert len(set(executions)) == 1
    assert shown.lower().count("idempotency-replayed: true") == 1
    assert '"code":"IDEMPOTENCY_KEY_REUSED"' in shown
