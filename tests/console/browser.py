"""A real browser on the console of a real host, and what a person does there."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, Playwright

from examples.hosting import Host

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first is the same engine without the windows around it, which nobody sees here: a quarter less work."""
CHROMIUM = next(filter(None, map(shutil.which, PROGRAMS)), None)
# The sandbox wants more than a container's root has; without a limit, processes are made ready for nobody.
FLAGS = ("--no-sandbox", "--renderer-process-limit=1")
FOLDER = Path(__file__).parent
SHOTS = FOLDER / "screenshots" if os.environ.get("QUANTUM_TEST_SCREENSHOTS") else None
"""Where the pages are kept for people to look at, if somebody asks for them."""
AXE = (FOLDER / "vendor" / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PATIENCE = 15_000
CONTRAST = ("color-contrast",)
WAYS: tuple[tuple[str, Literal["light", "dark"], int, int], ...] = (
    ("light", "light", 1280, 860),
    ("dark", "dark", 1280, 860),
    ("phone", "light", 390, 844),
)
"""How each page is looked at: colours, and the window in pixels."""


def launched(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


class Visitor:
    """Somebody with a browser of their own. What the page logs is kept: it should be nothing."""

    def __init__(self, browser: Browser, host: Host, **options: Any) -> None:
        self.host = host
        options = {"viewport": {"width": 1280, "height": 860}, "reduced_motion": "reduce"} | options
        self.context = browser.new_context(**options)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def sign_in(self, user: str) -> None:
        self.page.goto(f"{self.host.url}/console")
        self.sign_in_here(user)

    def sign_in_here(self, user: str) -> None:
        self.page.get_by_role("button", name="Sign in").click()
        code = (self.host.data / "identity" / "sign-in-code").read_text().strip()
        self.page.get_by_label("User").fill(user)
        self.page.get_by_label("Sign-in code").fill(code)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.locator("main#main").wait_for()

    def go(self, path: str) -> None:
        self.page.evaluate("path => { location.hash = path; }", path)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the platform as who has signed in, for what a test needs and the console is not about."""
        access = json.loads(self.page.evaluate("sessionStorage.getItem('quantum.session')"))["access"]
        headers = {"Authorization": f"Bearer {access}"}
        answer = self.context.request.fetch(
            f"{self.host.url}/api/v1{path}", method=method, headers=headers, data=body
        )
        assert answer.ok, answer.text()
        return answer.json() if answer.status != 204 else None

    def write(self, text: str, editor: str = "Definition") -> None:
        """Put ``text`` in place of what the code editor has, as by pasting."""
        self.page.get_by_role("textbox", name=editor).press("Control+A")
        self.page.keyboard.insert_text(text)

    def shot(self, name: str) -> None:
        if SHOTS is None:
            return
        self.page.evaluate("scrollTo(0, 0)")
        SHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    def looked_at(self, name: str) -> None:
        """The page as it is, in light, in dark and on a phone: all of it is seen, and axe finds nothing."""
        for way, scheme, width, height in WAYS:
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            self.page.set_viewport_size({"width": width, "height": height})
            assert self.page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} {way}"
            # Contrast is what depends on the colours, and takes axe longest: it is asked for once of each.
            found = self.faults(
                ["color-contrast"] if scheme == "dark" else None, but=CONTRAST if width < 500 else ()
            )
            assert found == [], f"{name} {way}: {found}"
            self.shot(f"{name}-{way}")
        self.page.emulate_media(color_scheme=WAYS[0][1], reduced_motion="reduce")
        self.page.set_viewport_size({"width": WAYS[0][2], "height": WAYS[0][3]})

    def faults(self, rules: Sequence[str] | None = None, *, but: Sequence[str] = ()) -> list[str]:
        """What axe finds wrong with the page as it is, by those of its rules, or by all that are of WCAG."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE)
        only = {"type": "tag", "values": RULES} if rules is None else {"type": "rule", "values": list(rules)}
        left_out = {rule: {"enabled": False} for rule in but}
        asked = {"runOnly": only, "rules": left_out, "resultTypes": ["violations"]}
        # What it has found to be well is ten times as much, and takes as long to bring over as to find.
        found = self.page.evaluate(
            "asked => axe.run(document, asked).then(({ violations }) => violations)", asked
        )
        return [
            f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes']][:3]}"
            for one in found
        ]
