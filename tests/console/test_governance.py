"""What people decide in the console about who may do what and how much, in a real browser."""

from playwright.sync_api import expect

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
    text = page.get_by_label("Text", exact=True)
    text.fill(FREEZE)
    page.get_by_role("button", name="Add it").click()
    fault = page.get_by_role("list", name="What is wrong with it").get_by_role("button")
    expect(fault).to_contain_text("line 2, column 40: attribute `targt` on entity type `Intent` not found")
    expect(page.locator(".written mark")).to_have_text("2")
    kay.looked_at("policy-refused")
    fault.click()
    page.keyboard.type("target")
    expect(text).to_have_value(FREEZE.replace("targt", "target"))
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
    page.get_by_label("Text", exact=True).fill("forbid (principal, action, resource);")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("alert")).to_contain_text("you could not manage policies any more")
