"""The page that shows the contract: self-contained, and nothing else may run in it."""

import base64
import hashlib
import html
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from functions.gateway.problems import STATUSES
from shared.domain.errors import QuantumError


@dataclass(frozen=True, slots=True)
class Page:
    """The page, and the Content-Security-Policy that lets its own style and script run and no others."""

    html: str
    policy: str


@cache
def page() -> Page:
    """The page, made once of ``docs.html``, ``docs.js`` and the table of problems."""
    here = Path(__file__)
    made = here.with_suffix(".html").read_text(encoding="utf-8").replace("<!-- problems -->", _problem_rows())
    made = made.replace("<!-- script -->", here.with_suffix(".js").read_text(encoding="utf-8"))
    style, script = (_hash(made, tag) for tag in ("style", "script"))
    policy = (
        f"default-src 'none'; style-src {style}; script-src {script}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Page(made, policy)


def _problem_rows() -> str:
    rows = []
    for error in _tree(QuantumError):
        status = STATUSES.get(error.code)
        if status is not None and "code" in vars(error):
            rows.append(
                f'<tr id="{error.code}"><th scope="row"><code>{error.code}</code></th>'
                f"<td>{status.value}</td><td>{html.escape(error.title)}</td></tr>"
            )
    return "\n".join(rows)


def _tree(error: type[QuantumError]) -> list[type[QuantumError]]:
    return [error, *(kind for child in error.__subclasses__() for kind in _tree(child))]


def _hash(page: str, tag: str) -> str:
    content = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    assert content is not None  # docs.html has one of each
    digest = hashlib.sha256(content[1].encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
