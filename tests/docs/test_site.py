"""The pages become a site: every link leads somewhere, and it asks nobody else for anything."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from examples import hosting

LOADED = re.compile(
    r"""<(?:script|img|source|iframe)\b[^>]*\bsrc=["'](?P<source>[^"']+)|<link\b(?P<link>[^>]+)>""",
    re.IGNORECASE,
)
LINKED = re.compile(r"""\bhref=["']([^"']+)""")
WITHIN_STYLE = re.compile(r"(?:@import\s+|url\()\s*[\"']?(?:https?:)?//", re.IGNORECASE)
PAGES = [*hosting.ROOT.glob("*.md"), *(hosting.ROOT / "docs").rglob("*.md")]


def build(source: Path, folder: Path, *, builder: str = "html") -> subprocess.CompletedProcess[str]:
    """As ``make docs`` does; the builder ``dummy`` checks everything and writes nothing, in half the time."""
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", str(hosting.ROOT / "docs")]
    command += ["-b", builder, "-d", str(folder / "tree"), str(source), str(folder / "site")]
    return subprocess.run(command, cwd=hosting.ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A few pages with an index."""
    docs = tmp_path / "source" / "docs"
    (docs / "decisions").mkdir(parents=True)
    (docs / "README.md").write_text(
        "# Index\n\n## Pages\n\n| [one](one.md) | [other](other.md) |\n|---|---|\n"
    )
    (docs / "one.md").write_text("# One\n\nAn unmistakable word.\n\n![A picture](picture.png)\n")
    (docs / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (docs / "other.md").write_text("# Other\n\n## A section\n")
    return docs


def test_every_link_leads_somewhere_and_something_leads_to_every_page(tmp_path: Path) -> None:
    built = build(hosting.ROOT, tmp_path, builder="dummy")
    assert built.returncode == 0, built.stderr
    read = {path.relative_to(tmp_path / "tree").with_suffix(".md") for path in tmp_path.rglob("*.doctree")}
    assert read == {page.relative_to(hosting.ROOT) for page in PAGES}


def test_no_page_shows_a_picture_from_elsewhere() -> None:
    for page in PAGES:
        assert not re.search(r"!\[[^]]*\]\(\s*(?:https?:)?//|<img\b", page.read_text()), page


def test_pictures_are_small_enough_for_a_clone() -> None:
    for picture in (hosting.ROOT / "docs").rglob("*.png"):
        assert picture.stat().st_size <= 120 * 1024, f"{picture}: make screenshots"


def test_a_site_has_its_index_as_navigation_and_a_search_and_asks_nobody_for_anything(
    docs: Path, tmp_path: Path
) -> None:
    built = build(docs.parent, tmp_path)
    assert built.returncode == 0, built.stderr
    site = tmp_path / "site"
    shown = (site / "docs" / "other.html").read_text()
    assert '<span class="caption-text">Pages</span>' in shown
    assert '<a class="reference internal" href="one.html">One</a>' in shown
    assert "searchindex.js" in (site / "search.html").read_text()
    assert "unmistak" in (site / "searchindex.js").read_text()
    assert 'href="docs/README.html"' in (site / "index.html").read_text()
    for page in site.rglob("*.html"):
        for found in LOADED.finditer(page.read_text()):
            address = found["source"] or LINKED.findall(found["link"])[0]
            assert not re.match(r"(?:https?:)?//", address), f"{page}: {address}"
    for style in site.rglob("*.css"):
        assert not WITHIN_STYLE.search(style.read_text()), style


def test_what_leads_nowhere_is_an_error(docs: Path, tmp_path: Path) -> None:
    (docs / "one.md").write_text(
        "# One\n\n[x](nowhere.md)\n[x](other.md#no-such-section)\n[x](../gone.toml)\n[x](nothing/)\n\n"
        "```mermaid\nflowchart LR\n  a --> b\n```\n"
    )
    (docs / "lost.md").write_text("# A page that no index leads to\n")
    built = build(docs.parent, tmp_path, builder="dummy")
    assert built.returncode != 0
    told = [line for line in built.stderr.splitlines() if "one.md" in line]
    for what in ("nowhere.md", "no-such-section", "gone.toml", "nothing/", "run scripts/diagrams"):
        assert any(what in line for line in told), what
    assert "lost.md" in built.stderr
