"""What people set up in the console for steps and times, in a real browser: made, used, changed, deleted."""

from playwright.sync_api import expect

from tests.console.conftest import Visit

VALUE = "a value made by chance"
ASKS = {
    "name": "caller",
    "definition": {
        "steps": [{"action": "http-request", "url": "http://127.0.0.1:9/${{ secrets.PUSH_TOKEN }}"}],
    },
}


def test_a_secret_goes_in_is_rotated_and_never_comes_out(visit: Visit) -> None:
    art = visit("art")
    page = art.page
    art.go("/secrets")
    expect(page.get_by_text("No secrets.")).to_be_visible()
    page.get_by_role("link", name="Add a secret").click()
    page.get_by_label("Name").fill("PUSH_TOKEN")
    value = page.get_by_label("Value")
    value.fill("short")
    page.get_by_role("button", name="Keep it").click()
    refused = page.get_by_role("alert")
    expect(refused).to_contain_text("at least 8 characters")
    expect(value).to_have_attribute("aria-invalid", "true")
    art.looked_at("secret-refused")
    value.fill(VALUE)
    page.get_by_label("What it is for").fill("pushes images")
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("heading", name="PUSH_TOKEN")).to_be_visible()
    expect(page.get_by_text("No active intent")).to_be_visible()
    assert VALUE not in page.content()

    art.api("POST", "/intents", ASKS)
    art.api("POST", "/intents/caller/execute", {})
    value.fill("another value")
    page.get_by_role("button", name="Put the new value").click()
    known = page.get_by_role("region", name="What is known of it")
    expect(known).to_contain_text("Version2")
    expect(known.get_by_role("link", name="caller")).to_be_visible()
    expect(value).to_have_value("")
    art.looked_at("secret")

    page.get_by_role("button", name="Delete").click()
    sure = page.get_by_role("button", name="Delete it")
    expect(page.get_by_text("The next steps of caller that name it will fail.")).to_be_visible()
    expect(sure).to_be_disabled()
    page.get_by_label("Type PUSH_TOKEN to go on").fill("PUSH_TOKEN")
    assert art.faults() == []
    sure.click()
    expect(page.get_by_text("No secrets.")).to_be_visible()


def test_a_secret_is_not_overwritten_by_one_who_meant_a_new_one_or_saw_an_old_one(visit: Visit) -> None:
    art = visit("art")
    page = art.page
    art.api("PUT", "/secrets/TAKEN", {"value": VALUE})
    art.go("/secrets/new/add")
    page.get_by_label("Name").fill("TAKEN")
    page.get_by_label("Value").fill(VALUE)
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("alert")).to_contain_text("There is one of this name already")
    art.go("/secrets/TAKEN")
    page.get_by_label("Value").fill("mine")
    art.api("PUT", "/secrets/TAKEN", {"value": "somebody else's"})
    page.get_by_label("Value").fill("mine, and long enough")
    page.get_by_role("button", name="Put the new value").click()
    expect(page.get_by_role("alert")).to_contain_text("It was changed meanwhile")
    page.get_by_role("button", name="Show what it is now").click()
    expect(page.get_by_role("region", name="What is known of it")).to_contain_text("Version2")
