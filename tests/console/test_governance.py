"""What people decide in the console about who may do what and how much, in a real browser."""

import json
import re
from urllib.parse import urlsplit

from playwright.sync_api import expect

from examples import hosting
from tests.console.conftest import Visit

FREEZE = """forbid (principal, action == Action::"intents.execute", resource)
when { resource has target && resource.targt == "production" };
"""


def test_a_policy_is_written_with_what_is_wrong_at_its_line_and_decides_from_then_on(visit: Visit) -> None:
    kay = visit("kay")
    page = kay.page
    kay.go("/policies")
    expect(page.get_by_text("The tenant has no policies of its own")).to_be_visible()
    page.get_by_role("link", name="Add a policy").click()
    page.get_by_label("Name (required)").fill("freeze")
    page.get_by_label("What it is for").fill("Until Monday")
    text = page.get_by_role("textbox", name="Text")
    kay.write(FREEZE, "Text")
    page.get_by_role("button", name="Add it").click()
    fault = page.get_by_role("list", name="What is wrong with it")
    expect(fault).to_contain_text("Line 2 attribute `targt` on entity type `Intent` not found")
    kay.looked_at("policy-refused")
    fault.get_by_role("button").click()
    page.keyboard.type("target")
    expect(text).to_contain_text("resource.target ==")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("region", name="Text of freeze")).to_contain_text("resource has target")
    steps = [{"action": "wait", "seconds": 0}]
    kay.api("POST", "/intents", {"name": "ship", "definition": {"target": "production", "steps": steps}})
    page.get_by_label("Of what").fill("ship")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("status").filter(has_text="Not allowed")).to_contain_text("policy:freeze")
    kay.looked_at("policy")


def test_a_policy_is_switched_off_and_deleted(visit: Visit) -> None:
    kay = visit("kay")
    page = kay.page
    kay.go("/policies/freeze/edit")
    page.get_by_label("It is asked").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".meta .status")).to_have_text("disabled")
    page.get_by_label("Of what").fill("ship")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("status").filter(has_text="Allowed")).to_contain_text("role-admin")
    kay.go("/policies")
    expect(page.get_by_role("row").nth(1)).to_contain_text("Until Monday")
    kay.looked_at("policies")
    page.get_by_role("link", name="freeze").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("The tenant has no policies of its own")).to_be_visible()


def test_nobody_shuts_themselves_out_of_the_policies(visit: Visit) -> None:
    kay = visit("kay")
    page = kay.page
    kay.go("/policies/new/add")
    page.get_by_label("Name (required)").fill("all")
    kay.write("forbid (principal, action, resource);", "Text")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("alert")).to_contain_text("you could not manage policies any more")


def test_a_tenant_sees_how_much_it_uses_and_allows_itself_less(visit: Visit) -> None:
    kay = visit("kay")
    page = kay.page
    kay.go("/settings")
    used = page.get_by_role("table", name="What is used")
    expect(used.get_by_role("row").filter(has_text="Members")).to_contain_text("1 of 1,000")
    schedules = page.get_by_label("Schedules")
    schedules.fill("5000")
    page.get_by_role("button", name="Save").click()
    refused = page.get_by_role("alert")
    expect(refused).to_contain_text("/settings/quotas/schedules")
    expect(schedules).to_have_attribute("aria-invalid", "true")
    kay.looked_at("settings-refused")
    schedules.fill("7")
    page.get_by_label("Forbidden actions").fill("http-request\nwait")
    page.get_by_label("Container images may come from anywhere").uncheck()
    page.get_by_label("Where container images may come from").fill("ghcr.io/hooli")
    page.get_by_role("button", name="Save").click()
    expect(refused).to_have_count(0)
    kay.page.reload()
    expect(used.get_by_role("row").filter(has_text="Schedules")).to_contain_text("0 of 7")
    expect(page.get_by_label("Where container images may come from")).to_have_value("ghcr.io/hooli")
    kay.looked_at("settings")
    settings = kay.api("GET", "/tenants/hooli")["settings"]
    assert settings["forbidden_actions"] == ["http-request", "wait"]
    page.get_by_label("Forbidden actions").fill("")
    schedules.fill("")
    page.get_by_role("button", name="Save").click()
    expect(used.get_by_role("row").filter(has_text="Schedules")).to_contain_text("0 of 1,000")


def test_all_of_a_tenant_is_taken_along(visit: Visit) -> None:
    kay = visit("kay")
    kay.go("/settings")
    with kay.page.expect_download() as download:
        kay.page.get_by_role("button", name="Export all of it").click()
    assert download.value.suggested_filename == "hooli.ndjson"
    lines = download.value.path().read_text().splitlines()
    assert json.loads(lines[-1])["manifest"]["tenant"] == "hooli"
    assert len(lines) > 5


def test_tenants_are_made_allowed_suspended_and_resumed(visit: Visit) -> None:
    root = visit("root")
    page = root.page
    root.go("/tenants")
    page.get_by_role("link", name="Add a tenant").click()
    name = page.get_by_label("Name (required)")
    name.fill("Umbrella Inc.")
    page.get_by_label("Name in the tenant").fill("alice")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("alert")).to_contain_text("an id is 1 to 63 of a-z")
    root.looked_at("tenant-refused")
    name.fill("umbrella")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("heading", name="umbrella")).to_be_visible()
    allowed = page.get_by_role("region", name="What it may have at most")
    allowed.get_by_label("Secrets").fill("3")
    allowed.get_by_role("button", name="Allow it").click()
    row = page.get_by_role("table", name="What is used").get_by_role("row").filter(has_text="Secrets")
    page.get_by_role("button", name="Refresh").click()
    expect(row).to_contain_text("0 of 3")
    settings = page.get_by_role("region", name="Settings")
    expect(settings.get_by_label("Secrets")).to_have_attribute("placeholder", "3")

    page.get_by_role("button", name="Suspend").click()
    sure = page.get_by_role("button", name="Suspend it")
    sure.click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("/reason")
    page.get_by_label("Why").fill("The contract has ended.")
    sure.click()
    expect(page.get_by_role("status").filter(has_text="The contract has ended.")).to_be_visible()
    root.looked_at("tenant")
    root.go("/tenants?status=suspended")
    expect(page.get_by_role("row")).to_have_count(2)
    root.looked_at("tenants")
    page.get_by_role("link", name="umbrella").click()
    page.get_by_role("button", name="Resume").click()
    page.get_by_label("Why").fill("It was renewed.")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".meta .status")).to_have_text("active")


def test_all_of_a_tenant_is_taken_along_while_it_is_suspended(visit: Visit) -> None:
    root, ned = visit("root"), visit("ned")
    page = ned.page
    root.api("POST", "/tenants/wayne/suspend", {"reason": "Winter is coming."})
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("Winter is coming.")
    ned.looked_at("suspended")
    page.get_by_label("Tenant").fill("hooli")
    page.get_by_role("button", name="Export all of it").click()
    expect(page.get_by_role("alert").last).to_contain_text("It was not exported")
    page.get_by_label("Tenant").fill("wayne")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export all of it").click()
    assert download.value.suggested_filename == "wayne.ndjson"


def test_a_tenant_is_erased_by_who_types_its_name(visit: Visit) -> None:
    root = visit("root")
    page = root.page
    root.api("POST", "/tenants/umbrella/suspend", {"reason": "It asked to go."})
    root.go("/tenants")
    page.get_by_role("link", name="umbrella").click()
    page.get_by_role("button", name="Erase").click()
    sure = page.get_by_role("button", name="Erase it")
    page.get_by_label("Type umbrella to go on").fill("umbrell")
    expect(sure).to_be_disabled()
    assert root.faults() == []
    root.shot("tenant-erase")
    page.keyboard.type("a")
    sure.click()
    expect(page.locator(".meta .status")).to_have_text("erasing")
    expect(page.get_by_role("button", name="Resume")).to_have_count(0)


def test_a_member_is_added_changed_as_it_was_seen_and_removed(visit: Visit) -> None:
    kay = visit("kay")
    page = kay.page
    kay.go("/members/new/add")
    user = page.get_by_label("Name in the tenant")
    user.fill("kay")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("alert")).to_contain_text("There is one of this name already")
    user.fill("bot")
    page.get_by_label("Kind").select_option("service")
    page.get_by_label("Attributes").fill("{")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("alert")).to_contain_text("The attributes are not JSON")
    kay.looked_at("member-refused")
    page.get_by_label("Attributes").fill('{"team": "web"}')
    page.get_by_role("button", name="Add it").click()
    row = page.get_by_role("row").filter(has_text="bot")
    expect(row).to_contain_text("service")
    kay.looked_at("members")
    page.get_by_label("Role").select_option("admin")
    expect(row).to_have_count(0)
    page.get_by_label("Role").select_option("viewer")
    row.get_by_role("link").click()
    page.get_by_label("operator").check()
    kay.api("PUT", "/members/bot", {"roles": ["author"]})
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("It was changed meanwhile")
    page.get_by_role("button", name="Show what it is now").click()
    expect(page.get_by_label("author")).to_be_checked()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("heading", name="Members")).to_be_visible()
    expect(row).to_have_count(0)


PARTS = {
    "admin": ["Work", "Automation", "Governance"],
    "viewer": ["Work", "Automation"],
    "platform-admin": ["Platform", "Governance"],
}
OFFERS = re.compile("^(Add|Change|Delete|Pause|Disable|New|Remove|Keep|Save|Ask)")


def test_the_navigation_has_the_parts_that_one_may_see_and_goes_by_keyboard(visit: Visit) -> None:
    for user, role in (("art", "admin"), ("lou", "viewer"), ("root", "platform-admin")):
        expect(visit(user).page.locator(".part-title")).to_have_text(PARTS[role])
    page = visit("art").page
    page.set_viewport_size({"width": 390, "height": 844})
    menu = page.get_by_role("button", name="Menu")
    menu.press("Enter")
    visit("art").shot("menu-phone")
    assert visit("art").faults() == []
    for key in ("Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", name="Intents")).to_be_visible()
    expect(menu).to_have_attribute("aria-expanded", "false")
    expect(page.locator("main")).to_be_focused()
    page.set_viewport_size({"width": 1280, "height": 860})


def test_a_viewer_is_shown_what_there_is_and_offered_nothing(visit: Visit) -> None:
    art, lou = visit("art"), visit("lou")
    page = lou.page
    art.api("POST", "/intents", {"name": "seen", "definition": {"steps": []}})
    art.api("PUT", "/schedules/seen", {"intent": "seen", "cron": "@daily"})
    for place in ("/schedules", "/schedules/seen", "/modules", "/modules/core"):
        lou.go(place)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator("main")).to_contain_text("seen" if "schedules" in place else "core")
        assert page.locator("main").get_by_role("button", name=OFFERS).count() == 0, place
        assert page.locator("main").get_by_role("link", name=OFFERS).count() == 0, place
    for place in ("/schedules/seen/edit", "/modules/new/add"):
        lou.go(place)
        expect(page.get_by_role("heading", level=1)).to_contain_text("You may not change")
    for place in ("secrets", "subscriptions", "policies", "members", "audit", "settings", "tenants"):
        lou.go(f"/{place}")
        expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()


def test_an_auditor_is_shown_everything_and_offered_no_change(visit: Visit) -> None:
    art, ida = visit("art"), visit("ida")
    page = ida.page
    art.api("PUT", "/secrets/SEEN", {"value": "a value made by chance"})
    art.api("PUT", "/subscriptions/seen", {"url": "http://127.0.0.1:9/", "events": ["*"], "enabled": False})
    art.api("PUT", "/policies/seen", {"policy": "permit (principal, action, resource);", "enabled": False})
    art.api("PATCH", "/tenants/vandelay", {"settings": {"quotas": {"intents": 500}}})
    changes = re.compile("^(Add|Change|Delete|Pause|Enable|New|Remove|Save|Put|Export)")
    for place, shown in (
        ("/secrets/SEEN", "No active intent"),
        ("/subscriptions/seen", "every type"),
        ("/policies/seen", "permit (principal"),
        ("/members", "auditor"),
        ("/settings", "500 at most"),
    ):
        ida.go(place)
        expect(page.locator("main")).to_contain_text(shown)
        assert page.locator("main").get_by_role("button", name=changes).count() == 0, place
        assert page.locator("main").get_by_role("link", name=changes).count() == 0, place
        assert ida.faults() == [], place


def test_another_tenant_sees_nothing_of_it(visit: Visit) -> None:
    eve = visit("eve")
    page = eve.page
    for noun, name in (
        ("secrets", "SEEN"),
        ("schedules", "seen"),
        ("subscriptions", "seen"),
        ("policies", "seen"),
    ):
        eve.go(f"/{noun}")
        expect(page.locator(".empty, .table").last).to_contain_text(re.compile("^No |has no policies"))
        eve.go(f"/{noun}/{name}")
        expect(page.get_by_role("alert")).to_contain_text("This could not be loaded")
    eve.go("/members/art")
    expect(page.get_by_role("alert")).to_contain_text("This could not be loaded")


def test_nothing_of_it_broke_the_pages_rules_or_went_elsewhere(
    visit: Visit, console_host: hosting.Host
) -> None:
    own = urlsplit(console_host.url).netloc
    for visitor in map(visit, ("art", "kay", "lou", "ida", "root")):
        told = [line for line in visitor.said if not line.startswith("Failed to load resource")]
        assert told == []
        assert {urlsplit(url).netloc for url in visitor.asked if not url.startswith("blob:")} == {own}
