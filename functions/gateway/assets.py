"""The web console's files, as they are served: read once, named by a digest of them all.

A file's address has that digest in it, so what a browser has kept is never stale and need not be asked for
again; the page, which names the digest, is asked for each time.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

FOLDER: Final = Path(__file__).resolve().parents[2] / "console"
PAGE: Final = "index.html"
MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
"""What is served; any other file of the folder is not."""
LATER: Final = frozenset({"vendor/codemirror.js", "vendor/uplot.js"})
"""What pages load when they need it."""


@dataclass(frozen=True, slots=True)
class File:
    """A file, as it is and compressed."""

    content: bytes
    packed: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Console:
    """All files by path, the digest that they are served under, and the page that names it."""

    version: str
    files: Mapping[str, File]
    page: bytes


@cache
def console() -> Console:
    """The console of this process."""
    found = {
        path.relative_to(FOLDER).as_posix(): path.read_bytes()
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in MEDIA_TYPES and "node_modules" not in path.parts
    }
    digest = hashlib.sha256()
    template = (FOLDER / PAGE).read_bytes()
    for name, content in [*found.items(), (PAGE, template)]:
        digest.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
    version = digest.hexdigest()[:16]
    files = {
        name: File(content, gzip.compress(content, mtime=0), MEDIA_TYPES[Path(name).suffix])
        for name, content in found.items()
    }
    return Console(version, files, _page(template.decode(), version, found))


def policy(issuer: str | None) -> str:
    """The page's Content-Security-Policy: its own files run, and it talks to this host and the issuer.

    Nothing can be made of text by ``innerHTML`` or its like: there is no Trusted Types policy.
    """
    talks_to = " ".join(["'self'", *([_origin(issuer)] if issuer else [])])
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src {talks_to}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _page(template: str, version: str, files: Mapping[str, bytes]) -> bytes:
    base = f"/console/{version}"
    # Named here, for otherwise a browser finds each module only when it has read the one before.
    modules = sorted(name for name in files if name.endswith(".js") and name not in LATER | {"theme.js"})
    ahead = "\n".join(f'    <link rel="modulepreload" href="{base}/{name}">' for name in modules)
    return template.replace("<!-- modules -->", ahead.strip()).replace("{base}", base).encode()
