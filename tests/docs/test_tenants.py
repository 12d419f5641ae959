"""The page on tenants does what it says."""

from examples import hosting
from tests.docs.pages import commands_of, needs_curl, run

COMMANDS = commands_of("tenants.md")


@needs_curl
def test_the_commands_show_who_asks(host: hosting.Host) -> None:
    shown = run(COMMANDS, host).stdout
    assert '"principal":"ada@acme"' in shown, shown
