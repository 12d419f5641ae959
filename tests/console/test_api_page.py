"""The page of the contract, in a real browser: every route is on it, and can be tried."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from examples import hosting
from functions.openapi.document import document
from tests.console.browser import AXE, RULES, Visitor


@pytest.fixture(scope="module")
def reader(browser: Browser, console_host: hosting.Host) -> Iterator[Visitor]:
    visitor = Visitor(browser, console_host)
    visitor.page.goto(f"{console_host.url}/api/v1/docs")
    visitor.page.locator("main[aria-busy=false]").wait_for()
    yield visitor
    visitor.context.close()


def opened(page: Page, operation: str) -> Locator:
    """The form that tries ``operation``."""
    details = page.locator(f"details#{operation}")
    if details.get_attribute("open") is None:
        details.locator("summary").first.click()
        details.get_by_text("Try it", exact=True).click()
    return details.locator("form")


def test_every_route_is_there_and_nothing_is_asked_of_anybody_else(reader: Visitor) -> None:
    operations = {one["operationId"] for path in document()["paths"].values() for one in path.values()}
    for operation in operations:
        assert reader.page.locator(f"details#{operation}").count() == 1, operation
    assert "`" not in (reader.page.locator("main table").first.text_content() or "")
    assert {url.removeprefix(reader.host.url) for url in reader.asked} == {
        "/api/v1/docs",
        "/api/v1/openapi.json",
    }
    assert reader.said == []


def test_what_is_asked_without_a_token_is_refused_and_the_problem_shown(reader: Visitor) -> None:
    form = opened(reader.page, "get_me")
    form.get_by_role("button", name="Send").click()
    expect(form.get_by_role("status")).to_have_text("401 Unauthorized")
    expect(form.get_by_label("Body of the response")).to_contain_text('"code": "UNAUTHENTICATED"')


def test_an_intent_is_made_executed_and_watched_from_the_page(reader: Visitor) -> None:
    page = reader.page
    page.get_by_label("Bearer token").fill(reader.host.token(tenant="trying", user="pat"))

    create = opened(page, "create_intent")
    body = create.get_by_label("Body", exact=True)
    assert '"name": "deploy-application"' in body.input_value()
    step = {"id": "text", "action": "transform", "value": "<b>x</b>"}
    body.fill(json.dumps({"name": "tried", "definition": {"steps": [step]}}))
    create.get_by_role("button", name="Send").click()
    expect(create.get_by_role("status")).to_have_text("201 Created")
    expect(create.get_by_label("Body of the response")).to_contain_text('"id": "tried-v1"')

    execute = opened(page, "execute_intent")
    execute.get_by_label("id *").fill("tried")
    execute.get_by_label("Body", exact=True).fill("{}")
    execute.get_by_role("button", name="Send").click()
    expect(execute.get_by_role("status")).to_have_text("202 Accepted")
    answer = execute.get_by_label("Body of the response")
    expect(answer).to_contain_text('"execution_id"')  # the status is shown before the body has come
    execution = json.loads(answer.text_content() or "")["execution_id"]

    watch = opened(page, "watch_execution")
    watch.get_by_label("id *").fill(execution)
    watch.get_by_label("Accept").select_option("text/event-stream")
    watch.get_by_role("button", name="Send").click()
    expect(watch.get_by_label("Body of the response")).to_contain_text("event: execution_completed")
    expect(watch.get_by_label("Body of the response")).to_contain_text('"value":"<b>x</b>"')

    found = opened(page, "list_intents")
    found.get_by_label("q", exact=True).fill("nothing-like-it")
    found.get_by_role("button", name="Send").click()
    expect(found.get_by_label("Body of the response")).to_contain_text('"items": []')
    assert not any("Bearer" in url or "eyJ" in url for url in reader.asked)


def test_the_page_is_accessible_and_the_browser_had_nothing_to_say(reader: Visitor) -> None:
    opened(reader.page, "create_intent")
    reader.page.evaluate(AXE)
    found = reader.page.evaluate(
        "rules => axe.run({include: ['#who', '#create_intent']}, {runOnly: {type: 'tag', values: rules}})",
        RULES,
    )
    assert [one["help"] for one in found["violations"]] == []
    assert [said for said in reader.said if "401" not in said] == []
    assert reader.page.evaluate("localStorage.length + sessionStorage.length") == 0
