"""The page on limits does what it says."""

import re

from examples import hosting
from tests.docs.pages import commands_of, needs_curl, run

COMMANDS = commands_of("limits.md")


@needs_curl
def test_the_commands_show_who_waits_at_which_place_and_who_is_next(host: hosting.Host) -> None:
    ran = run(COMMANDS, host)
    shown = ran.stdout
    places = re.findall(r"(?<=\})\d$", shown, re.MULTILINE)
    assert places == ["2", "1"], shown + ran.stderr
    assert re.search(r"1\.\d+\n1\n1\.\d+$", shown, re.MULTILINE), shown
    assert re.search(r"(running|waiting)$", shown, re.MULTILINE), shown
    assert '"max_concurrent_executions":20' in shown
