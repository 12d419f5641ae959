"""One host and one browser for the tests of the console that look at it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from examples import hosting
from tests.console.browser import CHROMIUM, Visitor

type Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def console_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hosting.Host]:
    folder = tmp_path_factory.mktemp("console")
    running = hosting.start(folder / "data", log=folder / "host.log")
    members = [("acme", "ada", "admin"), ("acme", "bob", "approver"), ("globex", "eve", "admin")]
    for tenant, user, role in [*members, ("acme", "zoe", "viewer"), ("globex", "zoe", "admin")]:
        running.token(tenant=tenant, user=user, role=role)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium here: apt-get install chromium, as .ci/run does")
    with sync_playwright() as playwright:
        # Its sandbox wants more than a container's root has.
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def visit(browser: Browser, console_host: hosting.Host) -> Iterator[Visit]:
    visitors: dict[str, Visitor] = {}

    def visitor(user: str, **options: Any) -> Visitor:
        """``user``, signed in: the first time by hand."""
        if user not in visitors:
            visitors[user] = Visitor(browser, console_host, **options)
            visitors[user].sign_in(user)
        return visitors[user]

    yield visitor
    for one in visitors.values():
        one.context.close()
