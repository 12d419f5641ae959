"""One host and one browser for the tests of the console that look at it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from examples import hosting
from localhost.identity.token import issue_token
from shared.settings import Settings
from tests import forked
from tests.console.browser import CHROMIUM, PATIENCE, Visitor, launched

MEMBERS = (
    ("acme", "ada", "admin"),
    ("acme", "bob", "approver"),
    ("globex", "eve", "admin"),
    ("acme", "zoe", "viewer"),
    ("globex", "zoe", "admin"),
    ("initech", "max", "viewer"),
    ("hooli", "kay", "admin"),
    ("platform", "root", "platform-admin"),
    ("wayne", "ned", "admin"),
    ("piper", "pip", "admin"),
    ("tyrell", "roy", "admin"),
    ("stark", "tony", "admin"),
    ("vandelay", "art", "admin"),
    ("vandelay", "lou", "viewer"),
    ("vandelay", "ida", "auditor"),
)

type Visit = Callable[..., Visitor]


@pytest.fixture(scope="package")
def console_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hosting.Host]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium here: apt-get install chromium-headless-shell, or chromium")
    folder = tmp_path_factory.mktemp("console")
    running = forked.start(folder / "data", log=folder / "host.log")
    values = {
        "QUANTUM_ADAPTERS": "localhost",
        "QUANTUM_DATA": str(running.data),
        "QUANTUM_HOST_URL": running.url,
    }
    settings = Settings.from_mapping(values)
    for tenant, user, role in MEMBERS:
        issue_token(settings, tenant=tenant, user=user, role=role)
    yield running
    running.stop()


@pytest.fixture(scope="package")
def browser(console_host: hosting.Host) -> Iterator[Browser]:
    """One for all, begun behind the host, of which the members are made on a loop of their own."""
    assert console_host.url
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE)
        running = launched(playwright)
        yield running
        running.close()


@pytest.fixture(scope="package")
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
