"""The page on tenants and members does what it says."""

import re

from examples import hosting
from shared.security.permissions import ROLES
from tests.docs.pages import commands_of, needs_curl, run, text_of

COMMANDS = commands_of("tenants.md").replace("acme", "crew").replace("/ada", "/flo").replace(" ada ", " flo ")
"""In a tenant of its own, whose administrator has no other: the host is that of all pages."""


@needs_curl
def test_the_commands_lead_through_the_life_of_members(host: hosting.Host) -> None:
    shown = run(COMMANDS, host).stdout
    assert '"principal":"flo@crew"' in shown, shown
    listed = shown[shown.index('{"items"') : shown.index('"next_cursor"')]
    assert re.findall(r'"user":"(\w+)"', listed) == ["deployer"]
    assert '"roles":["admin"],"attributes":{"department":"web"}' in shown
    assert re.findall(r'"pointer":"([^"]+)"', shown) == ["/roles/0", "/attributes/department"]
    assert shown.count('"code":"CONFLICT"') == 1
    assert "'flo' is the last administrator" in shown
    tenant = r'"id":"initech","created_at":"[^"]+","status":"(\w+)","reason":(null|"[^"]*")'
    assert re.findall(tenant, shown) == [
        ("active", "null"),
        ("active", "null"),
        ("suspended", '"The contract has ended."'),
        ("active", '"It was renewed."'),
        ("suspended", '"It asked to go."'),
        ("erasing", '"It asked to go."'),
        ("erasing", '"It asked to go."'),
    ]
    assert '{"id":"initech","status":"active"' in shown
    assert '"ceiling":{"max_concurrent_executions":20' in shown


def test_the_page_tells_of_every_role() -> None:
    assert re.findall(r"^\| `([\w-]+)` \|", text_of("tenants.md"), re.MULTILINE) == list(ROLES)
