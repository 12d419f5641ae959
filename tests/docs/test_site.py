"""The pages become a site: every link leads somewhere, and it asks nobody else for anything."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples import hosting

pytestmark = pytest.mark.xdist_group("site")  # which is built once
LOADED = re.compile(
    r"""<(?:script|img|source|iframe)\b[^>]*\bsrc=["'](?P<source>[^"']+)|<link\b(?P<link>[^>]+)>""",
    re.IGNORECASE,
)
LINKED = re.compile(r"""\bhref=["']([^"']+)""")
WITHIN_STYLE = re.compile(r"(?:@import\s+|url\()\s*[\"']?(?:https?:)?//", re.IGNORECASE)


def build(source: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """As ``make docs`` does."""
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", str(hosting.ROOT / "docs")]
    command += ["-d", str(folder / "tree"), str(source), str(folder / "html")]
    return subprocess.run(command, cwd=hosting.ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("site")
    built = build(hosting.ROOT, folder)
    assert built.returncode == 0, built.stderr
    yield folder / "html"
    shutil.rmtree(folder)


def test_every_page_is_in_it_and_can_be_searched(site: Path) -> None:
    pages = [*hosting.ROOT.glob("*.md"), *(hosting.ROOT / "docs").rglob("*.md")]
    for page in pages:
        assert (site / page.relative_to(hosting.ROOT).with_suffix(".html")).exists(), page
    assert "searchindex.js" in (site / "search.html").read_text()
    index = (site / "searchindex.js").read_text()
    assert all(f'"{page.relative_to(hosting.ROOT).with_suffix("").as_posix()}"' in index for page in pages)


def test_the_index_is_the_navigation_of_every_page(site: Path) -> None:
    captions = re.findall(r"^## (.*)$", (hosting.ROOT / "docs" / "README.md").read_text(), re.MULTILINE)
    shown = (site / "docs" / "flow.html").read_text()
    for caption in captions:
        assert f'<span class="caption-text">{caption}</span>' in shown


def test_it_asks_nobody_else_for_anything(site: Path) -> None:
    for page in site.rglob("*.html"):
        for found in LOADED.finditer(page.read_text()):
            addresses = [found["source"]] if found["source"] else LINKED.findall(found["link"])
            assert addresses, found[0]
            assert not re.match(r"(?:https?:)?//", addresses[0]), f"{page}: {addresses[0]}"
    for style in site.rglob("*.css"):
        assert not WITHIN_STYLE.search(style.read_text()), style


def test_what_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    docs = tmp_path / "source" / "docs"
    docs.mkdir(parents=True)
    (docs / "README.md").write_text("# Index\n\n## Pages\n\n[one](one.md) [other](other.md)\n")
    (docs / "one.md").write_text(
        "# One\n\n[x](nowhere.md)\n[x](other.md#no-such-section)\n[x](../gone.toml)\n[x](nothing/)\n\n"
        "```mermaid\nflowchart LR\n  a --> b\n```\n"
    )
    (docs / "other.md").write_text("# Other\n\n## A section\n")
    (docs / "lost.md").write_text("# A page that no index leads to\n")
    built = build(docs.parent, tmp_path)
    assert built.returncode != 0
    told = [line for line in built.stderr.splitlines() if "one.md" in line]
    for what in ("nowhere.md", "no-such-section", "gone.toml", "nothing/", "run scripts/diagrams"):
        assert any(what in line for line in told), what
    assert "lost.md" in built.stderr
