"""The page on rate limits does what it says."""

from examples import hosting
from tests.docs.pages import commands_of, needs_curl, run

COMMANDS = commands_of("rates.md")


@needs_curl
def test_the_commands_lead_to_a_refusal_that_says_when_to_come_back(host: hosting.Host) -> None:
    shown = run(COMMANDS, host).stdout.lower()
    assert '"hour":5' in shown, shown
    assert "429 too many requests" in shown, shown
    assert "retry-after: " in shown
    assert 'ratelimit-policy: "hour";q=5;w=3600' in shown
    assert '"violated_policies":["hour"]' in shown
