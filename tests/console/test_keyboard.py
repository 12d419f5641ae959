"""The console's main story by keyboard alone: what has the focus is seen, and nothing holds it."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from examples import hosting
from tests.console.browser import Visitor

MOST_TABS = 80
FOCUSED = """() => {
    let at = document.activeElement;
    while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    const style = getComputedStyle(at.closest(".cm-editor") ?? at);
    const name = at.getAttribute("aria-label") ?? at.labels?.[0]?.innerText ?? at.innerText;
    return { name: name.trim(), seen: style.outlineStyle !== "none" && style.outlineWidth !== "0px" };
}"""
STEPS = [
    {"id": "ask", "action": "approval", "message": "May it go?", "allow_self": True},
    {"id": "go", "action": "assert", "condition": "true", "depends_on": ["ask"]},
]


@pytest.fixture
def page(browser: Browser, console_host: hosting.Host) -> Iterator[Page]:
    visitor = Visitor(browser, console_host)
    visitor.page.goto(f"{console_host.url}/console")
    yield visitor.page
    visitor.context.close()


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what begins with ``name`` has the focus, and see that one sees that."""
    passed = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        passed.append(focused["name"])
        if focused["name"].startswith(name):
            page.wait_for_function(f"() => ({FOCUSED})().seen")  # the editor takes a moment for it
            return
    raise AssertionError(f"{name} is not among {passed}")


def test_an_intent_is_written_executed_and_approved_by_keyboard_alone(
    page: Page, console_host: hosting.Host
) -> None:
    keys = page.keyboard
    code = (console_host.data / "identity" / "sign-in-code").read_text().strip()
    page.get_by_role("button", name="Sign in").wait_for()
    tab_to(page, "Sign in")
    keys.press("Enter")
    page.get_by_label("Sign-in code").wait_for()
    page.get_by_label("User").focus()
    keys.type("tony")
    tab_to(page, "Sign-in code")
    keys.type(code)
    keys.press("Enter")
    page.locator("main#main").wait_for()

    tab_to(page, "To the content")
    keys.press("Enter")
    expect(page.locator("main#main")).to_be_focused()
    page.reload()
    page.locator("main#main").wait_for()
    tab_to(page, "Intents")
    keys.press("Enter")
    page.get_by_role("link", name="New intent").wait_for()
    tab_to(page, "New intent")
    keys.press("Enter")
    page.get_by_role("textbox", name="Definition").wait_for()
    tab_to(page, "Name")
    keys.type("by-keys")
    tab_to(page, "Definition")
    keys.press("Control+A")
    keys.press("Delete")
    keys.insert_text(json.dumps({"steps": STEPS}))
    keys.press("Tab")  # it indents, and the focus stays
    assert page.evaluate(FOCUSED)["name"].startswith("Definition")
    keys.press("Escape")
    keys.press("Tab")
    assert not page.evaluate(FOCUSED)["name"].startswith("Definition")
    expect(page.get_by_text("valid", exact=True)).to_be_visible()
    tab_to(page, "Create")
    keys.press("Enter")

    page.get_by_role("heading", name="by-keys", exact=True).wait_for()
    page.get_by_role("button", name="Execute", exact=True).wait_for()
    tab_to(page, "Execute")
    keys.press("Enter")
    page.get_by_role("button", name="Approve", exact=True).wait_for()
    tab_to(page, "Approve")
    keys.press("Enter")
    page.get_by_role("dialog").wait_for()
    tab_to(page, "Approve it")
    keys.press("Enter")
    expect(page.locator(".page-head .status")).to_have_text("completed")
