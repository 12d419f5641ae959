"""How the pages become a site: ``make docs``. Decision 28 says why so.

The source is the repository, of which only the pages are taken: so each link is what it is on GitHub, and one
that leads nowhere is an error. The tables of ``docs/README.md`` are the navigation: a page that has a line
there has its place in the site.
"""

import hashlib
import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging

DOCS = Path(__file__).parent
DIAGRAMS = DOCS / "diagrams"

project = "Quantum Platform"
copyright = "its contributors; MIT licence"  # noqa: A001 - Sphinx's own name for it
extensions = ["myst_parser"]
root_doc = "docs/README"
include_patterns = ["*.md", "docs/**.md"]
exclude_patterns = [".*", "**/.*", "dist", "tests", "infra", "examples", "console", "**/node_modules"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 6
nitpicky = True
highlight_language = "text"
suppress_warnings = ["misc.highlighting_failure"]  # JSON on a page may have an ellipsis in it

html_theme = "furo"
html_title = project
html_favicon = "../console/icon.svg"
html_static_path = ["site/site.css"]
html_css_files = ["site.css"]
html_theme_options = {"footer_icons": []}
html_additional_pages = {"index": "forward.html"}
templates_path = ["site"]
html_copy_source = False
html_show_sphinx = False


def add_navigation(app: Sphinx, name: str, source: list[str]) -> None:  # noqa: ARG001
    """An index's sections are what stands in the navigation: each page where it is first led to."""
    if name == "docs/decisions/README":
        source[0] += "\n```{toctree}\n:glob:\n\n0*\n```\n"
    if not name.startswith("docs/") or not name.endswith("README"):
        return
    seen: set[str] = set()
    for section in re.split(r"^## ", source[0], flags=re.MULTILINE)[1:]:
        pages = [page for page in re.findall(r"\]\(([\w./-]+\.md)\)", section) if page not in seen]
        seen |= set(pages)
        caption = section.partition("\n")[0]
        source[0] += "\n".join(["\n\n```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```"])


def name_pages(app: Sphinx, tree: nodes.document) -> None:  # noqa: ARG001
    """A link that has a page's file for a text, as it is best on GitHub, has its title in the site."""
    for link in tree.findall(addnodes.pending_xref):
        if link.get("refdomain") == "doc" and re.fullmatch(r"[\w-]+\.md|decisions|api", link.astext()):
            link["refexplicit"] = False


def lead_to_folders(app: Sphinx, tree: nodes.document) -> None:
    """A link to a folder leads to its index; one without pages is only in the repository, and is named."""
    page = Path(app.srcdir) / f"{app.env.docname}.md"
    for link in list(tree.findall(addnodes.pending_xref)):
        folder = (page.parent / link["reftarget"]).resolve()
        if link.get("refdomain") is not None or not folder.is_dir():
            continue
        index = folder / "README.md"
        if index.exists():
            link["refdomain"], link["reftargetid"] = "doc", None
            link["reftarget"] = index.relative_to(app.srcdir).with_suffix("").as_posix()
        else:
            link.replace_self(link.children)


def draw(app: Sphinx, tree: nodes.document) -> None:
    """GitHub draws Mermaid itself; here stands the picture that ``scripts/diagrams`` made of the text."""
    for block in list(tree.findall(nodes.literal_block)):
        if block.get("language") != "mermaid":
            continue
        text = block.astext()
        picture = DIAGRAMS / f"{hashlib.sha256(text.strip().encode()).hexdigest()[:12]}.svg"
        if not picture.exists():
            logging.getLogger(__name__).warning(
                "no picture of this diagram: run scripts/diagrams", location=block
            )
            continue
        title = re.search(r"accTitle: (.*)", text)
        picture_path = f"/{picture.relative_to(app.srcdir).as_posix()}"
        image = nodes.image(
            uri=picture_path, alt=title[1] if title else "", candidates={}, classes=["diagram"]
        )
        image.source, image.line = block.source, block.line
        block.replace_self(image)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", add_navigation)
    app.connect("doctree-read", lead_to_folders)
    app.connect("doctree-read", name_pages, priority=600)
    app.connect("doctree-read", draw, priority=100)  # before Sphinx looks which images there are
    return {"parallel_read_safe": True, "parallel_write_safe": True}
