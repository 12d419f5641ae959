"""What people set up in the console for steps and times, in a real browser: made, used, changed, deleted."""

import json
import re
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from examples.hosting import ROOT
from shared.domain.events import EVENT_TYPES
from tests.console.conftest import Visit
from tests.host.running import until

MANIFEST = ROOT / "examples" / "modules" / "manifest.json"
VALUE = "a value made by chance"
ASKS = {
    "name": "caller",
    "definition": {
        "steps": [{"action": "http-request", "url": "http://127.0.0.1:9/${{ secrets.PUSH_TOKEN }}"}],
    },
}
COPIES = {"type": "integer", "default": 1, "maximum": 3}
REPORT = {
    "name": "report",
    "definition": {
        "parameters": {"type": "object", "properties": {"copies": COPIES}},
        "steps": [{"action": "wait", "seconds": 0}],
    },
}


def test_a_secret_goes_in_is_rotated_and_never_comes_out(visit: Visit) -> None:
    art = visit("art")
    page = art.page
    art.go("/secrets")
    expect(page.get_by_text("No secrets.")).to_be_visible()
    page.get_by_role("link", name="Add a secret").click()
    page.get_by_label("Name (required)").fill("PUSH_TOKEN")
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
    page.get_by_label("Name (required)").fill("TAKEN")
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


def test_a_schedule_is_made_by_a_form_that_says_when_it_would_fire(visit: Visit) -> None:
    art = visit("art")
    page = art.page
    art.api("POST", "/intents", REPORT)
    art.go("/schedules")
    expect(page.get_by_text("No schedules.")).to_be_visible()
    expect(page.get_by_role("link", name="Add a schedule")).to_be_visible()
    art.go("/intents/report")
    page.get_by_role("link", name="Schedule it").click()
    name = page.get_by_label("Name (required)")
    name.fill("Every night")
    expect(page.get_by_label("Intent")).to_have_value("report")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    cron = page.get_by_label("Cron")
    cron.fill("0 25 * * *")
    would = page.get_by_role("region", name="When it would fire")
    expect(would).to_contain_text("the hour field of '0 25 * * *' has no meaning")
    page.get_by_label("Time zone").fill("")
    expect(would).to_contain_text("'' is not a time zone")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    cron.fill("30 2 * * 1-5")
    expect(would.get_by_role("listitem")).to_have_count(5)
    expect(would).to_contain_text(", 02:30")
    copies = page.get_by_label("copies")
    expect(copies).to_have_value("1")
    copies.fill("2")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("alert")).to_contain_text("a name is 1 to 63 of a-z, 0-9 and '-'")
    expect(name).to_have_attribute("aria-invalid", "true")
    art.looked_at("schedule-refused")
    name.fill("nightly")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("heading", name="nightly")).to_be_visible()
    expect(page.get_by_role("region", name="When").get_by_role("listitem")).to_have_count(5)
    expect(page.get_by_role("region", name="What", exact=True)).to_contain_text("art@vandelay")
    art.looked_at("schedule")
    assert art.api("GET", "/schedules/nightly")["parameters"] == {"copies": 2}


def test_a_schedule_is_changed_paused_resumed_and_deleted(visit: Visit) -> None:
    art = visit("art")
    page = art.page
    art.go("/schedules/nightly")
    page.get_by_role("link", name="Change").click()
    expect(page.get_by_label("copies")).to_have_value("2")
    page.get_by_label("Not after").fill("2031-01-01T00:00")
    page.get_by_label("A time at which its last execution goes on").select_option("queue")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Times at which the last execution goes on wait")).to_be_visible()
    expect(page.get_by_text("Not after")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Pause it").click()
    expect(page.locator(".status")).to_have_text("paused")
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Resume it").click()
    expect(page.locator(".status")).to_have_text("active")
    art.go("/schedules")
    row = page.get_by_role("row").nth(1)
    expect(row).to_contain_text("30 2 * * 1-5 Europe/Berlin")
    art.looked_at("schedules")
    row.get_by_role("link", name="nightly").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("No schedules.")).to_be_visible()


@pytest.fixture
def receiver() -> Iterator[str]:
    """Where webhooks can be sent: it takes the first and wants no more of them."""
    answers = iter([204])

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(next(answers, 410))
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/quantum"
        server.shutdown()


def test_a_webhook_is_made_and_its_secret_is_shown_once(visit: Visit, receiver: str) -> None:
    art = visit("art")
    page = art.page
    art.go("/subscriptions")
    expect(page.get_by_text("No webhooks.")).to_be_visible()
    page.get_by_role("link", name="Add a webhook").click()
    page.get_by_label("Name (required)").fill("pager")
    address = page.get_by_label("Address")
    address.fill("http://10.0.0.1/quantum")
    page.get_by_label("execution failed").uncheck()
    page.get_by_label("intent created").check()
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("alert")).to_contain_text("10.0.0.1 is at a private address")
    art.looked_at("webhook-refused")
    address.fill(receiver)
    page.get_by_role("button", name="Add it").click()
    secret = page.get_by_role("status").filter(has_text="whsec_")
    expect(secret).to_be_visible()
    assert art.faults() == []
    art.shot("webhook-secret")
    page.get_by_role("link", name="I have kept it").click()
    expect(page.get_by_text("None yet: what happens from now on is sent.")).to_be_visible()
    assert "whsec_" not in page.content()

    art.api("POST", "/intents", REPORT | {"name": "taken"})
    until(lambda: art.api("GET", "/subscriptions/pager/deliveries?status=delivered")["items"])
    page.get_by_role("button", name="Refresh").click()
    sent = page.get_by_role("table", name="Deliveries").get_by_role("row")
    expect(sent.nth(1)).to_contain_text("intent created")
    expect(sent.nth(1)).to_contain_text("delivered")
    art.api("POST", "/intents", REPORT | {"name": "not-taken"})
    until(lambda: art.api("GET", "/subscriptions/pager")["disabled_reason"])
    art.go("/subscriptions")
    expect(page.get_by_role("row").nth(1)).to_contain_text("disabled")
    art.looked_at("webhooks")


def test_a_webhook_is_enabled_changed_and_deleted(visit: Visit) -> None:
    art = visit("art")
    page = art.page
    art.go("/subscriptions/pager")
    expect(page.get_by_text("Nothing more is sent to it")).to_be_visible()
    art.looked_at("webhook")
    page.get_by_role("button", name="Enable").click()
    expect(page.locator(".meta .status")).to_have_text("active")
    page.get_by_role("button", name="New secret").click()
    page.get_by_role("button", name="Make one").click()
    expect(page.get_by_text("whsec_")).to_be_visible()
    page.get_by_label("Status").select_option("delivered")
    expect(page.get_by_role("table", name="Deliveries").get_by_role("row")).to_have_count(2)
    page.get_by_role("link", name="Change").click()
    expect(page.get_by_label("intent created")).to_be_checked()
    page.get_by_label("Every type").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("every type")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("No webhooks.")).to_be_visible()


def test_a_webhook_may_name_every_type_of_event_that_there_is() -> None:
    named = re.findall(r'"([a-z_]+_[a-z]+)"', (ROOT / "console" / "lib" / "event-types.js").read_text())
    assert sorted(named) == sorted(EVENT_TYPES)


def test_a_module_is_made_its_key_is_changed_and_a_version_is_added(visit: Visit) -> None:
    art = visit("art")
    page = art.page
    art.go("/modules")
    page.get_by_role("link", name="Add a module").click()
    page.get_by_label("Name (required)").fill("provisioner")
    page.get_by_role("textbox", name="Endpoint").fill("http://127.0.0.1:9")
    manifest = page.get_by_role("textbox", name="Manifest")
    art.write("{}{", "Manifest")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("alert")).to_contain_text("The manifest is not JSON")
    told = json.loads(MANIFEST.read_text())
    wrong = json.dumps(told | {"actions": told["actions"] | {"lease": {"description": "?"}}}, indent=2)
    art.write(wrong, "Manifest")
    page.get_by_role("button", name="Add it").click()
    fault = page.get_by_role("list", name="What is wrong with it").get_by_role("listitem").first
    expect(fault).to_contain_text("Line 4 this is required")
    art.looked_at("module-refused")
    page.get_by_label("Take it from a file").set_input_files(MANIFEST)
    expect(manifest).to_contain_text("Lease an address for an environment")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("status").filter(has_text="whsec_")).to_be_visible()
    page.get_by_role("link", name="I have kept it").click()
    endpoint = page.get_by_role("region", name="Endpoint")
    expect(endpoint).to_contain_text("It is called")
    page.get_by_role("button", name="New key").click()
    page.get_by_role("button", name="Make one").click()
    expect(page.get_by_role("status").filter(has_text="whsec_")).to_be_visible()
    expect(endpoint).to_contain_text("Number 2; calls are signed with the one before, too, until")
    art.looked_at("module")

    # What the form shows is what was put: saving it is no new version, changing it is one.
    for port, version in ((9, "Version1"), (10, "Version2")):
        page.get_by_role("link", name="Change").click()
        page.get_by_role("textbox", name="Endpoint").fill(f"http://127.0.0.1:{port}")
        page.get_by_role("button", name="Save as the next version").click()
        expect(endpoint).to_contain_text(version)


def test_a_module_that_intents_name_stays(visit: Visit) -> None:
    art = visit("art")
    page = art.page
    steps = [{"action": "provisioner/inspect", "environment": "review-7"}]
    art.api("POST", "/intents", {"name": "looks", "definition": {"steps": steps}})
    art.go("/modules/provisioner")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("alert")).to_contain_text("looks")
    page.get_by_role("button", name="Not now").click()
    art.api("DELETE", "/intents/looks")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("heading", name="Modules")).to_be_visible()
    expect(page.get_by_role("link", name="provisioner")).to_have_count(0)


def test_a_build_context_is_uploaded_and_named(visit: Visit, tmp_path: Path) -> None:
    art = visit("art")
    page = art.page
    art.go("/modules/containers")
    upload = page.get_by_role("region", name="Upload a build context")
    (tmp_path / "none.tar").write_bytes(b"no archive")
    upload.get_by_label("Archive").set_input_files(tmp_path / "none.tar")
    upload.get_by_role("button", name="Upload").click()
    expect(upload.get_by_role("alert")).to_contain_text("It was not kept")
    (tmp_path / "Dockerfile").write_text("FROM scratch")
    archive = tmp_path / "app.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(tmp_path / "Dockerfile", "Dockerfile")
    upload.get_by_label("Archive").set_input_files(archive)
    upload.get_by_role("button", name="Upload").click()
    expect(upload.get_by_role("status")).to_contain_text("upload:sha256:")
    assert art.faults() == []
