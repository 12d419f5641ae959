"""The page on plans does what it says."""

from examples import hosting
from tests.docs.pages import commands_of, needs_curl, run

COMMANDS = commands_of("plans.md")


@needs_curl
def test_the_commands_show_a_plan_and_execute_what_was_reviewed_and_nothing_else(host: hosting.Host) -> None:
    ran = run(COMMANDS, host)
    shown = ran.stdout
    assert '"value":"hello, Ada"' in shown, shown
    assert '"unresolved":[{"pointer":"/condition","steps":["text"]}]' in shown
    assert '"order":[["text"],["check"]]' in shown
    assert '"blockers":[]' in shown
    assert shown.count('"code":"STALE"') == 1
    assert shown.count('"status":"pending"') == 1
    assert '"code":"UNKNOWN_UNTIL_RUN"' in shown
    assert '"undecided":{"steps":["name"],"outputs":["name"]}' in shown
    assert "Bearer abc" not in shown.partition("event: execution_started")[2]
