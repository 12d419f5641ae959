"""The page on policies does what it says."""

from examples import hosting
from tests.docs.pages import commands_of, needs_curl, run

COMMANDS = commands_of("policies.md")


@needs_curl
def test_the_commands_forbid_an_execution_and_allow_it_again(host: hosting.Host) -> None:
    shown = run(COMMANDS, host).stdout
    assert shown.count('"policies":["policy:freeze"]') == 1, shown
    assert shown.index('"policies":["policy:freeze"]') < shown.index('"execution_id"'), shown
    assert '"policies":["role-admin"]' in shown, shown
