"""Nothing on the pages is left out: what is to be typed is run by a test or says why not; views are named."""

import re

import pytest

from examples import hosting
from tests.docs.pages import every_block_of

TESTS = "".join(path.read_text() for path in (hosting.ROOT / "tests" / "docs").glob("test_*.py"))
RUN = set(re.findall(r'(?:commands_of|blocks_of|read)\(\s*"([\w/-]+\.md)"', TESTS)) | {"../README.md"}
"""The pages whose commands tests run; what the README says to type, the quick start's test does."""
PAGES = {
    str(path.relative_to(hosting.ROOT / "docs", walk_up=True)): path.read_text()
    for path in [*hosting.ROOT.glob("*.md"), *(hosting.ROOT / "docs").rglob("*.md")]
}
COMMAND = re.compile(
    r"^(?:\$ )?(?:quantum|make|curl|az|azd|docker|pip|git|kubectl|\.venv/bin/\w+) ", re.MULTILINE
)


@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if "```sh" in text])
def test_what_a_page_says_to_type_is_run_or_says_why_not(page: str) -> None:
    blocks = every_block_of(PAGES[page])
    assert len(blocks) == PAGES[page].count("```sh\n"), "a mark stands right before what it is about"
    assert page in RUN or all(reason for reason, _ in blocks)


def test_what_looks_like_a_command_is_marked_as_one() -> None:
    for page, text in PAGES.items():
        if page == "cli-reference.md":  # its lines are forms, not commands
            continue
        for block in re.findall(
            r"^```(?:text)?\n(.*?)^```",
            re.sub(r"^```\w+\n.*?^```", "", text, flags=re.DOTALL | re.MULTILINE),
            re.DOTALL | re.MULTILINE,
        ):
            assert not COMMAND.search(block), f"{page}: {block}"


def test_the_page_on_the_console_names_every_view() -> None:
    sources = "".join(path.read_text() for path in (hosting.ROOT / "console").glob("*.js"))
    views = re.findall(r'\bpath: "[\w-]+", title: "([^"]+)"', sources)
    assert len(views) > 5
    named = re.findall(r"^\| ([^|(]+?) (?:\([^|]+\) )?\|", PAGES["console.md"], re.MULTILINE)
    assert set(views) <= set(named)
