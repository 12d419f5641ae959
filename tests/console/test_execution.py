"""What one sees of an execution and of each of its steps, in a real browser."""

from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.console.browser import Visitor
from tests.console.conftest import Visit

CALL = {
    "id": "call",
    "action": "http-request",
    "url": "http://127.0.0.1:9/nobody",
    "retry": {"max_attempts": 3, "initial_interval": 0.1},
}
ITEMS = {
    "id": "roll",
    "action": "assert",
    "foreach": ["eu", "us", "ap"],
    "condition": "item != 'us'",
    "message": "no room in ${{ item }}",
    "continue_on_error": True,
}
MUCH = {"id": "much", "action": "transform", "outputs": {"list": ["a word and another"] * 5000}}
CHILD = {"id": "child", "action": "run-intent", "intent": "broken", "depends_on": ["roll"]}
MAKE = {
    "id": "make",
    "action": "transform",
    "outputs": {"x": 1},
    "compensate": {"action": "transform", "outputs": {}},
}


@pytest.fixture(scope="module")
def roy(visit: Visit) -> Visitor:
    return visit("roy")


def executed(visitor: Visitor, name: str, steps: list[Any]) -> str:
    visitor.api("POST", "/intents", {"name": name, "definition": {"steps": steps}})
    begun: str = visitor.api("POST", f"/intents/{name}/execute", {})["execution_id"]
    return begun


def card(visitor: Visitor, title: str) -> Locator:
    return visitor.page.get_by_role("region", name=title, exact=True)


def test_each_attempt_is_told_with_its_time_and_its_error_and_what_was_given(roy: Visitor) -> None:
    begun = executed(roy, "broken", [MAKE, CALL | {"depends_on": ["make"]}])
    roy.go(f"/executions/{begun}")
    cause = roy.page.get_by_role("status").filter(has_text="Step call failed")
    expect(cause).to_contain_text("HTTP_CONNECTION")
    step = card(roy, "Step call")
    attempts = step.get_by_role("table", name="Attempts").get_by_role("row")
    expect(attempts).to_have_count(4)
    expect(attempts.nth(1)).to_contain_text("got no answer")
    expect(attempts.nth(1)).to_contain_text("next at")
    expect(step.get_by_role("region", name="Inputs of call")).to_contain_text("http://127.0.0.1:9/nobody")
    roy.looked_at("attempts")


def test_what_was_undone_says_so(roy: Visitor) -> None:
    roy.page.get_by_role("list", name="Steps").get_by_role("button", name="make").click()
    expect(card(roy, "Step make")).to_contain_text("Undone")
    expect(card(roy, "Step make").get_by_role("table", name="Undoing it")).to_contain_text("completed")


def test_steps_are_walked_by_arrow_keys_and_have_an_address_each(roy: Visitor) -> None:
    steps = roy.page.get_by_role("list", name="Steps")
    first, second = steps.get_by_role("button", name="make"), steps.get_by_role("button", name="call")
    first.focus()
    first.press("ArrowRight")
    expect(second).to_be_focused()
    second.press("Enter")
    expect(card(roy, "Step call")).to_be_visible()
    second.press("ArrowLeft")
    expect(first).to_be_focused()
    assert roy.page.url.endswith("/call")
    roy.page.reload()
    expect(card(roy, "Step call")).to_be_visible()
    expect(steps.get_by_role("button", name="call")).to_have_attribute("aria-pressed", "true")


def test_items_that_failed_come_first_and_a_child_is_linked(roy: Visitor) -> None:
    begun = executed(roy, "family", [ITEMS, CHILD, MUCH])
    roy.go(f"/executions/{begun}/roll")
    items = card(roy, "Step roll").get_by_role("table", name="Items").get_by_role("row")
    expect(items).to_have_count(4)
    expect(items.nth(1)).to_contain_text("no room in us")
    expect(card(roy, "Step roll")).to_contain_text("3 of 3 items, 1 failed")
    items.nth(1).get_by_text("More").click()
    expect(items.nth(1).get_by_role("region", name="Item 2")).to_contain_text("ASSERTION_FAILED")
    expect(roy.page.get_by_role("link", name="Look at the child that failed")).to_be_visible()
    expect(card(roy, "Child executions").get_by_role("row")).to_have_count(2)
    roy.looked_at("items")


def test_a_large_output_is_shown_in_part_until_all_of_it_is_asked_for(roy: Visitor) -> None:
    begun = executed(roy, "large", [MUCH])
    roy.go(f"/executions/{begun}/much")
    step = card(roy, "Step much")
    outputs = step.get_by_role("region", name="Outputs of much")
    expect(outputs).to_contain_text("(5000 items)")
    step.get_by_role("button", name="Show all of it").click()
    expect(outputs).to_contain_text("a word and another")
    with roy.page.expect_download() as download:
        step.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "outputs-of-much.json"


def test_steps_are_found_in_a_list(roy: Visitor) -> None:
    roy.page.get_by_role("button", name="List", exact=True).click()
    rows = roy.page.get_by_role("table", name="Steps").get_by_role("row")
    expect(rows).to_have_count(2)
    roy.page.get_by_label("Find a step").fill("nothing")
    expect(roy.page.get_by_text("No step fits.")).to_be_visible()
    assert roy.faults() == []


def test_many_are_retried_at_once_and_what_could_not_be_is_told(roy: Visitor) -> None:
    roy.go("/executions?status=failed&intent=broken")
    page = roy.page
    expect(page.get_by_role("row")).to_have_count(3)  # that of its own, and the child
    page.get_by_role("button", name="Retry these").click()
    page.get_by_label("Why (optional)").fill("the network was down")
    page.get_by_role("button", name="Retry them").click()
    came = page.get_by_role("status").filter(has_text="are tried again")
    expect(came).to_be_visible()
    roy.looked_at("executions")


def test_intents_are_found_by_a_label_and_ordered(roy: Visitor) -> None:
    definition = {"steps": [MUCH]}
    for name, team in (("zebra", "zoo"), ("ape", "zoo"), ("car", "garage")):
        roy.api("POST", "/intents", {"name": name, "definition": definition, "labels": {"team": team}})
    roy.go("/intents")
    page = roy.page
    page.get_by_role("button", name="team: zoo").first.click()
    rows = page.get_by_role("row")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text("ape")
    page.get_by_label("Order").select_option("created_at")
    expect(rows.nth(1)).to_contain_text("zebra")
    expect(page.get_by_label("Label")).to_have_value("team:zoo")
    roy.looked_at("intents")


def test_a_question_can_be_asked_again_at_once_and_is_answered_once(roy: Visitor) -> None:
    """And its answer is told, although the question has gone by then."""
    begun = executed(roy, "asking", [{"id": "ask", "action": "approval", "allow_self": True}])
    roy.go(f"/executions/{begun}")
    page = roy.page
    page.get_by_role("button", name="Approve", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    # Before the event comes that tells that it was closed.
    page.evaluate(
        """() => {
            const dialog = document.querySelector("dialog");
            dialog.close();
            dialog.previousElementSibling.click();
        }"""
    )
    expect(dialog).to_be_visible()
    sent = len(roy.asked)
    dialog.get_by_role("button", name="Approve it").dblclick()
    expect(page.locator(".page-head .status")).to_have_text("completed")
    expect(page.get_by_role("status").filter(has_text="Approved.")).to_be_visible()
    assert sum(url.endswith("/approve") for url in roy.asked[sent:]) == 1


def test_the_browser_had_nothing_to_say(roy: Visitor) -> None:
    assert [line for line in roy.said if not line.startswith("Failed to load resource")] == []
