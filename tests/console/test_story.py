"""What people do in the console, in a real browser."""

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

from examples import hosting
from tests.console.conftest import Visit

STEPS: list[dict[str, Any]] = [
    {"id": "build", "action": "transform", "outputs": {"image": "shop:${{ parameters.tag }}"}},
    {"id": "scan", "action": "assert", "condition": "true", "depends_on": ["build"]},
    {"id": "test", "action": "assert", "condition": "true", "depends_on": ["build"]},
    {
        "id": "ask",
        "action": "approval",
        "message": "Release <b>${{ parameters.tag }}</b>?",
        "approvers": {"roles": ["approver"]},
        "depends_on": ["scan", "test"],
    },
    {
        "id": "smoke",
        "action": "assert",
        "condition": "parameters.tag != 'bad'",
        "message": "The shop answered 500",
        "depends_on": ["ask"],
    },
    {"id": "announce", "action": "assert", "condition": "true", "depends_on": ["smoke"]},
]
DEFINITION = {
    "parameters": {"type": "object", "properties": {"tag": {"type": "string", "default": "bad"}}},
    "steps": STEPS,
}
TOKEN = re.compile(r"eyJ[\w-]+\.")


def test_people_sign_in_with_pkce_and_no_token_is_in_an_address(
    visit: Visit, console_host: hosting.Host
) -> None:
    ada = visit("ada")
    asked = next(url for url in ada.asked if "/identity/authorize?" in url)
    query = parse_qs(urlsplit(asked).query)
    assert (query["code_challenge_method"], query["response_type"]) == (["S256"], ["code"])
    assert ada.page.url.rstrip("#/") == f"{console_host.url}/console"
    assert not [url for url in ada.asked if TOKEN.search(url)]
    assert {urlsplit(url).netloc for url in ada.asked} == {urlsplit(console_host.url).netloc}
    assert ada.page.evaluate("localStorage.length") == 0
    assert ada.said == []


def test_an_intent_is_written_with_what_is_wrong_said_while_one_types(visit: Visit) -> None:
    ada = visit("ada")
    ada.go("/intents")
    ada.page.get_by_role("link", name="New intent").click()
    ada.page.get_by_role("textbox", name="Name").fill("shop")
    ada.page.get_by_label("What it is for").fill("Releases the shop")
    save = ada.page.get_by_role("button", name="Create")
    ada.write("{")
    expect(ada.page.get_by_role("status").get_by_text("not JSON yet")).to_be_visible()
    expect(save).to_be_disabled()
    wrong = DEFINITION | {"steps": [STEPS[0], {**STEPS[1], "depends_on": ["nobody"]}]}
    ada.write(json.dumps(wrong, indent=2))
    line = 1 + json.dumps(wrong, indent=2).split("nobody")[0].count("\n")
    finding = ada.page.get_by_role("list", name="Findings").get_by_role("listitem").first
    expect(finding).to_contain_text(f"Line {line}")
    expect(finding).to_contain_text("depends on 'nobody'")
    expect(save).to_be_disabled()
    ada.write(json.dumps(DEFINITION, indent=2))
    expect(ada.page.get_by_text("valid", exact=True)).to_be_visible()
    expect(ada.page.get_by_role("list", name="Steps").get_by_role("button")).to_have_count(len(STEPS))
    ada.looked_at("editor")
    save.click()
    expect(ada.page.get_by_role("heading", name="shop", exact=True)).to_be_visible()


def test_what_fits_is_offered_while_one_types_and_f8_goes_to_what_is_wrong(visit: Visit) -> None:
    ada = visit("ada")
    ada.go("/intents/new/edit")
    text = ada.page.get_by_role("textbox", name="Definition")
    ada.write('{"steps": [{}]}')
    text.press("End")
    for _ in range(3):
        text.press("ArrowLeft")
    ada.page.keyboard.type('"act')
    option = ada.page.get_by_role("listbox", name="Completions").get_by_role("option")
    option.filter(has_text="action").first.click()
    expect(option.filter(has_text="http-request")).to_be_visible()  # what its value may be
    ada.page.keyboard.type("assert")
    text.press("Escape")
    expect(text).to_contain_text('{"steps": [{"action": "assert"}]}')
    expect(ada.page.get_by_role("list", name="Findings")).to_contain_text("needs 'condition'")
    text.press("F8")
    expect(ada.page.locator(".cm-tooltip")).to_contain_text("needs 'condition'")
    ada.write("{}")


def test_a_change_is_a_version_that_is_told_in_words_and_taken_back(visit: Visit) -> None:
    ada = visit("ada")
    definition = {"steps": [{"id": "nap", "action": "wait", "seconds": 1}]}
    ada.api("POST", "/intents", {"name": "naps", "definition": definition})
    ada.go("/intents/naps/edit")
    ada.write(json.dumps({"steps": [{"id": "nap", "action": "wait", "seconds": 5}]}))
    ada.page.get_by_label("What this version is about").fill("Longer naps")
    ada.page.get_by_role("button", name="Save as a new version").click()
    expect(ada.page.get_by_text("Longer naps")).to_be_visible()
    expect(ada.page.get_by_text("step 'nap': seconds: 1 → 5")).to_be_visible()
    lines = ada.page.get_by_role("region", name="Changed lines").get_by_role("row")
    expect(lines.filter(has_text="+")).to_contain_text('"seconds": 5')
    expect(lines.filter(has_text="\N{MINUS SIGN}")).to_contain_text('"seconds": 1')
    ada.looked_at("intent")
    ada.page.get_by_role("button", name="Go back to 1").click()
    ada.page.get_by_role("button", name="Go back", exact=True).click()
    expect(ada.page.get_by_text("Version 3", exact=True)).to_be_visible()
    assert ada.api("GET", "/intents/naps")["definition"] == definition


def test_intents_are_found_by_words(visit: Visit) -> None:
    ada = visit("ada")
    ada.go("/intents")
    rows = ada.page.get_by_role("row")
    expect(rows).to_have_count(3)
    ada.page.get_by_label("Search").fill("releases")
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("shop")
    assert ada.faults() == []


def test_an_execution_is_watched_decided_on_and_mended_and_no_other_tenant_sees_it(visit: Visit) -> None:
    ada, bob, eve = visit("ada"), visit("bob"), visit("eve")
    ada.go("/intents/shop")
    ada.page.get_by_label("tag").fill("bad")
    ada.page.get_by_role("button", name="Execute", exact=True).click()
    ada.page.wait_for_url("**/console#/executions/*")
    begun = ada.page.url.rpartition("/")[2]
    bob.go(f"/executions/{begun}")
    asks = bob.page.get_by_role("status").filter(has_text="Step ask asks for an approval")
    expect(asks).to_contain_text("Release <b>bad</b>?")  # as text, whatever it looks like
    expect(ada.page.get_by_text("You executed this, so somebody else has to decide.")).to_be_visible()
    bob.looked_at("waiting")

    bob.page.get_by_role("button", name="Approve", exact=True).click()
    bob.page.get_by_label("Comment (optional)").fill("Looks good")
    bob.page.get_by_role("button", name="Approve it").click()

    # Ada did nothing: what she watches went on.
    failure = ada.page.get_by_role("status").filter(has_text="Step smoke failed")
    expect(failure).to_contain_text("The shop answered 500")
    events = ada.page.get_by_role("log", name="Events")
    expect(events).to_contain_text("approval decided")
    expect(events).to_contain_text("execution failed")
    expect(ada.page.get_by_role("button", name="announce")).to_contain_text("skipped")
    ada.looked_at("failed")

    ada.page.get_by_role("button", name="Retry from here").click()
    ada.page.get_by_label("Why (optional)").fill("the shop was down")
    ada.page.get_by_role("button", name="Retry", exact=True).last.click()
    expect(ada.page.get_by_role("link", name="retry of an earlier one")).to_be_visible()
    expect(failure).to_be_visible()
    assert begun not in ada.page.url

    eve.go("/executions")
    expect(eve.page.get_by_text("No executions yet.")).to_be_visible()
    eve.go(f"/executions/{begun}")
    expect(eve.page.get_by_role("alert")).to_contain_text("This could not be loaded")
    expect(eve.page.get_by_text("shop")).to_have_count(0)


def test_the_list_is_filtered_and_fits_a_phone(visit: Visit) -> None:
    ada = visit("ada")
    ada.go("/executions")
    rows = ada.page.get_by_role("row")
    expect(rows.nth(2)).to_contain_text("failed")
    ada.page.get_by_label("Status").select_option("completed")
    expect(ada.page.get_by_text("No executions that fit.")).to_be_visible()
    ada.page.get_by_label("Status").select_option("")
    expect(rows.nth(2)).to_be_visible()
    ada.page.set_viewport_size({"width": 390, "height": 844})
    assert ada.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert ada.faults() == []
    ada.shot("phone")
    menu = ada.page.get_by_role("button", name="Menu")
    menu.press("Enter")
    expect(menu).to_have_attribute("aria-expanded", "true")
    ada.page.set_viewport_size({"width": 1280, "height": 860})


def test_dark_and_light_can_be_chosen_and_both_can_be_read(visit: Visit) -> None:
    ada = visit("ada")
    ada.go("/executions")
    for theme in ("dark", "light"):
        ada.page.get_by_label("Theme").select_option(theme)
        assert ada.faults() == [], theme
        ada.shot(theme)
    ada.page.reload()
    expect(ada.page.locator("html")).to_have_attribute("data-theme", "light")
    ada.page.get_by_label("Theme").select_option("")


def test_a_broken_stream_goes_on_where_it_broke_off(visit: Visit) -> None:
    """The second request names the last event that was seen, and shows none of them twice."""
    ada = visit("ada")
    steps = [{"id": "ask", "action": "approval", "allow_self": True}]
    ada.api("POST", "/intents", {"name": "patient", "definition": {"steps": steps}})
    begun = ada.api("POST", "/intents/patient/execute", {})["execution_id"]
    # The first answer is cut off behind its first event, as by a network that goes away.
    cut = ada.api("GET", f"/executions/{begun}/events")["items"][0]
    sent: list[str | None] = []

    def stream(route: Any) -> None:
        sent.append(route.request.headers.get("last-event-id"))
        if len(sent) > 1:
            route.continue_()
            return
        text = f'id: {cut["cursor"]}\ndata: {{"type": "execution_started", "time": "{cut["time"]}"}}\n\n'
        route.fulfill(status=200, headers={"Content-Type": "text/event-stream"}, body=text)

    ada.page.route("**/events", stream)
    ada.go(f"/executions/{begun}")
    events = ada.page.get_by_role("log", name="Events")
    expect(events).to_contain_text("approval requested")
    expect(events.get_by_text("execution started")).to_have_count(1)
    assert sent == [None, cut["cursor"]]
    ada.page.unroute("**/events")
    ada.page.get_by_role("button", name="Approve", exact=True).click()
    ada.page.get_by_role("button", name="Approve it").click()
    expect(ada.page.locator(".page-head .status")).to_have_text("completed")


def test_what_waits_for_a_word_is_in_one_place(visit: Visit) -> None:
    ada, bob = visit("ada"), visit("bob")
    steps = [{"id": "sign", "action": "approval", "message": "May it go?"}]
    ada.api("POST", "/intents", {"name": "letter", "definition": {"steps": steps}})
    begun = ada.api("POST", "/intents/letter/execute", {})["execution_id"]
    bob.go(f"/executions/{begun}")
    expect(bob.page.get_by_text("May it go?", exact=True)).to_be_visible()
    bob.go("/approvals")
    waits = bob.page.get_by_role("region", name="letter-v1")
    expect(waits).to_contain_text("May it go?")
    bob.looked_at("approvals")
    bob.page.get_by_label("Only mine to decide").check()
    expect(waits).to_be_visible()
    waits.get_by_role("button", name="Reject").click()
    bob.page.get_by_role("button", name="Reject it").click()
    expect(bob.page.get_by_text("Nothing waits for anybody's word.")).to_be_visible()
    bob.page.get_by_label("Only mine to decide").uncheck()
    bob.page.get_by_label("Status").select_option("rejected")
    decided = bob.page.get_by_role("table", name="Approvals").get_by_role("row").filter(has_text="letter-v1")
    expect(decided).to_contain_text("bob@acme")


def test_the_dashboard_plots_what_happened_and_says_the_numbers_too(visit: Visit) -> None:
    ada = visit("ada")
    ada.go("/dashboard")
    expect(ada.page.get_by_role("table", name="What needs attention")).to_contain_text("letter-v1")
    plots = ada.page.locator("figure.plot")
    expect(plots).to_have_count(3)
    for plot in plots.all():
        expect(plot.locator("canvas")).to_be_visible()
    ada.page.get_by_text("As a table").first.click()
    numbers = ada.page.get_by_role("region", name="Executions a day in numbers").get_by_role("row")
    expect(numbers).to_have_count(31)
    ada.page.get_by_role("button", name="7 days").click()
    expect(numbers).to_have_count(8)
    intents = ada.page.get_by_role("table", name="Intents, those that failed most first").get_by_role("row")
    expect(intents.nth(1)).to_contain_text("shop")
    ada.looked_at("dashboard")


def test_who_is_new_is_led_to_a_first_intent_by_an_example(visit: Visit) -> None:
    """Each example is one that the platform takes; the first is made and executed as it is."""
    newcomer = visit("pip")
    expect(newcomer.page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
    newcomer.looked_at("beginning")
    examples = newcomer.page.get_by_role("link", name="Use it")
    expect(examples).to_have_count(3)
    for at in (2, 1, 0):
        newcomer.go("/dashboard")
        examples.nth(at).click()
        expect(newcomer.page.get_by_text("valid", exact=True)).to_be_visible()
    newcomer.page.get_by_role("button", name="Create").click()
    newcomer.page.get_by_role("button", name="Execute", exact=True).click()
    expect(newcomer.page.get_by_text("Release 1.0?", exact=True).first).to_be_visible()


def test_it_says_who_would_be_allowed_what_and_by_what(visit: Visit) -> None:
    ada = visit("ada")
    ada.go("/policies")
    ada.page.get_by_label("Member").fill("bob")
    ada.page.get_by_role("button", name="Ask").click()
    answer = ada.page.get_by_role("status").filter(has_text="Not allowed")
    expect(answer).to_contain_text("bob@acme")
    expect(answer).to_contain_text("default-deny")
    ada.page.get_by_label("Operation").fill("executions.approve")
    ada.page.get_by_role("button", name="Ask").click()
    expect(ada.page.get_by_role("status").filter(has_text="role-approver")).to_be_visible()
    assert ada.faults() == []


def test_a_member_is_made_and_the_audit_trail_has_it_and_is_whole(visit: Visit) -> None:
    ada = visit("ada")
    ada.go("/members")
    ada.page.get_by_role("link", name="Add a member").click()
    ada.page.get_by_label("Name in the tenant").fill("kim")
    ada.page.get_by_label("auditor").check()
    assert ada.faults() == []
    ada.page.get_by_role("button", name="Add it").click()
    kim = ada.page.get_by_role("row").filter(has_text="kim")
    expect(kim).to_contain_text("auditor")
    assert ada.faults() == []
    ada.go("/audit")
    expect(ada.page.get_by_role("row").nth(1)).to_contain_text("member")
    ada.page.get_by_role("button", name="Verify").click()
    expect(ada.page.get_by_role("status").filter(has_text="Every chain is whole")).to_be_visible()
    ada.looked_at("audit")


def test_modules_say_what_their_actions_take(visit: Visit) -> None:
    ada = visit("ada")
    ada.go("/modules")
    ada.page.get_by_role("link", name="core", exact=True).click()
    expect(ada.page.get_by_role("table", name="Parameters of approval")).to_contain_text("approvers")
    assert ada.faults() == []


def test_who_is_in_two_tenants_sees_one_at_a_time_and_what_it_may_do_there(visit: Visit) -> None:
    zoe = visit("zoe")
    tenant = zoe.page.get_by_label("Tenant")
    expect(tenant).to_have_value("acme")
    zoe.go("/intents")
    expect(zoe.page.get_by_role("link", name="shop")).to_be_visible()
    expect(zoe.page.get_by_role("link", name="New intent")).to_have_count(0)  # a viewer here
    expect(zoe.page.get_by_role("link", name="Audit")).to_have_count(0)
    tenant.select_option("globex")
    expect(zoe.page.get_by_role("link", name="Audit")).to_be_visible()  # and an administrator there
    zoe.go("/intents")
    expect(zoe.page.get_by_text("No intents yet.")).to_be_visible()
    expect(zoe.page.get_by_role("link", name="shop")).to_have_count(0)


def test_nothing_broke_the_pages_rules_or_went_elsewhere(visit: Visit, console_host: hosting.Host) -> None:
    own = urlsplit(console_host.url).netloc
    for visitor in (visit("ada"), visit("bob"), visit("eve"), visit("zoe")):
        told = [line for line in visitor.said if not line.startswith("Failed to load resource")]
        assert told == []
        assert {urlsplit(url).netloc for url in visitor.asked} == {own}
        assert not [url for url in visitor.asked if TOKEN.search(url)]


def test_who_has_signed_out_has_to_sign_in_again(visit: Visit) -> None:
    bob = visit("bob")
    bob.page.get_by_role("button", name="Sign out").click()
    expect(bob.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert bob.page.evaluate("sessionStorage.getItem('quantum.session')") is None
    bob.looked_at("sign-in")
