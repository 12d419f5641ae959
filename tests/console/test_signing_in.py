"""What holds while somebody signs in, and once that has been a while ago."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from examples import hosting
from tests.console.browser import Visitor


@pytest.fixture
def visitor(browser: Browser, console_host: hosting.Host) -> Iterator[Visitor]:
    made = Visitor(browser, console_host)
    yield made
    made.context.close()


def tokens_asked(visitor: Visitor) -> list[dict[str, list[str]]]:
    """Have what is sent to the issuer for tokens put into a list."""
    sent: list[dict[str, list[str]]] = []

    def keep(request: Any) -> None:
        if request.url.endswith("/identity/token"):
            sent.append(parse_qs(request.post_data))

    visitor.page.on("request", keep)
    return sent


def test_an_answer_to_a_sign_in_that_was_not_begun_here_is_no_sign_in(visitor: Visitor) -> None:
    """Somebody else's code in a link would sign people in as somebody else (RFC 6749, section 10.12)."""
    asked = tokens_asked(visitor)
    visitor.page.goto(f"{visitor.host.url}/console?code=stolen&state=guessed")
    expect(visitor.page.get_by_role("alert")).to_contain_text("was not begun here")
    assert "code" not in visitor.page.url
    assert asked == []


def test_a_code_is_changed_for_a_token_with_the_secret_that_only_this_tab_has(visitor: Visitor) -> None:
    asked = tokens_asked(visitor)
    visitor.sign_in("ada")
    (form,) = asked
    assert form["grant_type"] == ["authorization_code"]
    assert len(form["code_verifier"][0]) == 43
    assert "client_secret" not in form
    assert not [url for url in visitor.asked if form["code_verifier"][0] in url]


def test_a_token_that_has_ended_is_renewed_and_nobody_notices(visitor: Visitor) -> None:
    visitor.sign_in("ada")
    asked = tokens_asked(visitor)
    visitor.page.evaluate(
        """() => {
            const kept = JSON.parse(sessionStorage.getItem("quantum.session"));
            sessionStorage.setItem("quantum.session", JSON.stringify({...kept, ends: 0, access: "ended"}));
        }"""
    )
    visitor.go("/modules")
    expect(visitor.page.get_by_role("link", name="core", exact=True)).to_be_visible()
    assert [form["grant_type"] for form in asked] == [["refresh_token"]]  # once, whoever waits for it
    kept = json.loads(visitor.page.evaluate("sessionStorage.getItem('quantum.session')"))
    assert kept["access"] != "ended"


def test_a_session_that_is_over_leads_back_to_the_sign_in(visitor: Visitor) -> None:
    visitor.sign_in("ada")
    over = json.dumps({"access": "nonsense", "refresh": "nonsense", "ends": 9_999_999_999})
    visitor.page.evaluate("over => sessionStorage.setItem('quantum.session', over)", over)
    visitor.go("/modules")
    expect(visitor.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_one_comes_back_to_the_page_that_one_wanted(visitor: Visitor) -> None:
    visitor.page.goto(f"{visitor.host.url}/console#/policies")
    visitor.sign_in_here("ada")
    expect(visitor.page.get_by_role("heading", name="Policies")).to_be_visible()


def test_who_goes_somewhere_the_moment_the_console_is_there_comes_there(visitor: Visitor) -> None:
    visitor.page.add_init_script(
        """addEventListener("DOMContentLoaded", () => new MutationObserver((_, watch) => {
            if (!document.querySelector("main#main")) return;
            watch.disconnect();
            location.hash = "/modules";
        }).observe(document.body, { childList: true, subtree: true }))"""
    )
    visitor.sign_in("ada")
    expect(visitor.page.get_by_role("heading", name="Modules")).to_be_visible()


def test_localhost_is_led_to_the_address_that_the_issuer_knows(visitor: Visitor) -> None:
    port = urlsplit(visitor.host.url).port
    visitor.page.goto(f"http://localhost:{port}/console")
    visitor.page.wait_for_url(f"{visitor.host.url}/console")
    expect(visitor.page.get_by_role("button", name="Sign in")).to_be_visible()


def test_who_is_no_member_is_told_so_and_can_leave(visitor: Visitor) -> None:
    visitor.sign_in("max")
    visitor.page.route("**/api/v1/me", lambda route: route.fulfill(status=404, json={"detail": "Nobody"}))
    visitor.page.reload()
    expect(visitor.page.get_by_role("alert")).to_contain_text("You cannot come in")
    visitor.page.get_by_role("button", name="Sign out").click()
    expect(visitor.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_everything_is_reached_and_done_by_keyboard(visitor: Visitor) -> None:
    visitor.sign_in("kay")
    page = visitor.page
    steps = [{"id": "sign", "action": "approval", "allow_self": True}]
    visitor.api("POST", "/intents", {"name": "keys", "definition": {"steps": steps}})
    begun = visitor.api("POST", "/intents/keys/execute", {})["execution_id"]
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    visitor.go(f"/executions/{begun}")
    approve = page.get_by_role("button", name="Approve", exact=True)
    expect(approve).to_be_visible()
    expect(page.locator("main")).to_be_focused()  # where the new page begins
    for _ in range(10):
        page.keyboard.press("Tab")
        if approve.evaluate("button => button === document.activeElement"):
            break
    assert approve.evaluate("button => button.matches(':focus-visible')")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Approve sign?")
    expect(dialog.get_by_label("Comment (optional)")).to_be_focused()
    assert visitor.faults() == []
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(approve).to_be_focused()
    approve.press("Enter")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Approve it").press("Enter")
    expect(page.locator(".page-head .status")).to_have_text("completed")
