"""The documentation does what it says: its intents run, its commands work, what it names is there."""

import re
from pathlib import Path

import pytest

from examples import hosting

DOCS = [hosting.ROOT / "README.md", hosting.ROOT / "CONTRIBUTING.md", *(hosting.ROOT / "docs").rglob("*.md")]
TOPS = [
    "shared",
    "functions",
    "localhost",
    "quantum",
    "console",
    "tests",
    "examples",
    "infra",
    "docs",
    "benchmarks",
    "scripts",
]
SOURCES = [str(path.relative_to(hosting.ROOT)) for top in TOPS for path in (hosting.ROOT / top).rglob("*.*")]


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(hosting.ROOT)))
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    top = r"`((?:shared|functions|localhost|quantum|tests|examples|docs|scripts)/[\w./-]*\w)`"
    for name in re.findall(top, page.read_text()):
        assert (hosting.ROOT / name).exists(), name
    for name in re.findall(r"`(\w[\w./-]+\.(?:py|js|sql|bicep))`", page.read_text()):
        assert any(name == one or one.endswith(f"/{name}") for one in [*SOURCES, "function_app.py"]), name


def test_the_index_leads_to_every_page() -> None:
    docs = hosting.ROOT / "docs"
    led_to = set(re.findall(r"\]\(([\w./-]+)\)", (docs / "README.md").read_text()))
    pages = {str(page.relative_to(docs)) for page in [*docs.glob("*.md"), *docs.glob("how-to/*.md")]}
    assert pages - {"README.md"} <= led_to
