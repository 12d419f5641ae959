"""The picture of the console that the README shows, docs/console.png: `make screenshots`, with Chromium."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

from examples import demo, hosting
from tests.console.browser import CHROMIUM

PICTURE = hosting.ROOT / "docs" / "console.png"
WIDE, HIGH = 1240, 760
RELEASE: dict[str, Any] = {
    "name": "release-shop",
    "description": "Build the shop, test it, deploy it once somebody has agreed, and see that it is well.",
    "definition": {
        "target": "production",
        "steps": [
            {"id": "build", "action": "build-docker-image", "image": "shop:1.4", "context": "./app"},
            {"id": "unit-tests", "action": "wait", "seconds": 0.6, "depends_on": ["build"]},
            {"id": "smoke-tests", "action": "wait", "seconds": 0.9, "depends_on": ["build"]},
            {
                "id": "sign-off",
                "action": "approval",
                "message": "May shop:1.4 go to production?",
                "allow_self": True,
                "depends_on": ["unit-tests", "smoke-tests"],
            },
            {"id": "push", "action": "push-to-registry", "registry": "local", "depends_on": ["sign-off"]},
            {
                "id": "deploy",
                "action": "deploy-to-kubernetes",
                "namespace": "production",
                "name": "shop",
                "replicas": 3,
                "depends_on": ["push"],
            },
            {
                "id": "verify",
                "action": "verify-deployment",
                "health_check": "/health",
                "stable_for": 600,
                "depends_on": ["deploy"],
            },
        ],
    },
}
"""What is shown: some of it has happened, something goes on, and a time is still open."""


def main() -> int:
    if CHROMIUM is None:
        print("there is no chromium here")
        return 1
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        data = Path(folder) / "data"
        host = hosting.start(data, log=Path(folder) / "host.log", QUANTUM_CONTEXTS=str(demo.APP))
        try:
            host.token()
            chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            shown = chromium.new_context(
                viewport={"width": WIDE, "height": HIGH}, reduced_motion="reduce", color_scheme="light"
            )
            show(shown.new_page(), host)
            chromium.close()
        finally:
            host.stop()
    print(f"{PICTURE.relative_to(hosting.ROOT)}: {PICTURE.stat().st_size // 1024} KiB")
    return 0


def show(page: Page, host: hosting.Host) -> None:
    """Sign in, execute the release, agree, and take the picture while it is seen whether it is well."""
    headers = {"Authorization": f"Bearer {host.token()}"}
    api = f"{host.url}/api/v1"
    page.request.post(f"{api}/intents", data=RELEASE, headers=headers)
    begun = page.request.post(f"{api}/intents/release-shop/execute", data={}, headers=headers).json()
    page.goto(f"{host.url}/console")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("User").fill("ada")
    page.get_by_label("Sign-in code").fill((host.data / "identity" / "sign-in-code").read_text().strip())
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Executions", exact=True).click()
    page.get_by_role("link", name="release-shop-v1").click()
    page.get_by_role("button", name="Approve", exact=True).click()
    page.get_by_role("button", name="Approve it").click()
    step = page.get_by_role("list", name="Steps").get_by_role("button", name="deploy deploy-to-kubernetes")
    expect(page.get_by_role("log", name="Events")).to_contain_text("verify", timeout=30_000)
    expect(page.get_by_role("alert")).to_have_count(0)
    step.click()
    expect(page.get_by_role("region", name="Outputs of deploy")).to_contain_text("address")
    page.screenshot(path=PICTURE)
    page.request.post(f"{api}/executions/{begun['execution_id']}/terminate", data={}, headers=headers)


if __name__ == "__main__":
    sys.exit(main())
