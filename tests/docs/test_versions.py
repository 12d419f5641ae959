"""The page on versions does what it says."""

import re

from examples import hosting
from tests.docs.pages import commands_of, needs_curl, run, text_of

PAGE = text_of("versions.md")
COMMANDS = commands_of("versions.md")
WORDS = re.findall(r"```\n(step .*?)\n```", PAGE, re.DOTALL)


@needs_curl
def test_the_commands_lead_through_the_life_of_an_intent(host: hosting.Host) -> None:
    ran = run(COMMANDS, host)
    shown = ran.stdout
    for made in ("shop-v1", "shop-v2", "shop-v3"):
        assert f'"id":"{made}"' in shown, shown
    for words in WORDS[0].split("\n"):
        assert words.replace('"', '\\"') in shown
    assert "HTTP/1.1 202" in shown
    assert 'link: </api/v1/intents/market>; rel="successor-version"' in shown.lower()
    assert '"status":"active"' in shown.rsplit("shop-v3", 1)[1]
    assert '"code":' not in shown
