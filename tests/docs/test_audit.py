"""The page on the audit trail does what it says."""

from pathlib import Path

from examples import hosting
from tests.docs.pages import commands_of, needs_curl, run

COMMANDS = commands_of("audit.md")


@needs_curl
def test_the_commands_lead_to_exports_that_are_whole(host: hosting.Host, tmp_path: Path) -> None:
    ran = run(COMMANDS, host, folder=tmp_path)
    assert '"action":"intent.create"' in ran.stdout
    assert '"verified":true' in ran.stdout
    assert ran.stdout.count("\nOK: ") + ran.stdout.count("}OK: ") == 2, ran.stdout
