"""References of container images: ``[registry/]repository[:tag][@digest]``.

The grammar is that of the distribution project (github.com/distribution/reference, ``reference.go`` and
``normalize.go``): the part before the first slash is a registry if it has a dot or a colon or is
``localhost``. To Docker, an image without one is Docker Hub's, and there of ``library`` if it has no slash at
all; to the platform's steps it is one that was built here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from shared.domain.templates import OPEN

DOCKER_HUB: Final = "docker.io"
LATEST: Final = "latest"
MAX_NAME: Final = 255
"""Characters of registry and repository together; clients take no more."""

_COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REPOSITORY: Final = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
REPOSITORY_RULE: Final = (
    "lower-case letters and digits, with '.', '_', '-' between them and '/' between parts, 255 at most"
)
TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
TAG_RULE: Final = "1 to 128 letters, digits, '_', '.' and '-', and begins with neither '.' nor '-'"
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
REGISTRY: Final = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:]+\])(?::[0-9]{{1,5}})?")


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image as somebody names it; without a registry, it is for the reader to say whose it is."""

    repository: str
    registry: str | None = None
    tag: str | None = None
    digest: str | None = None

    @property
    def reference(self) -> str:
        """What to ask a registry for: the digest if there is one, else the tag."""
        return self.digest or self.tag or LATEST

    def at_docker(self) -> "ImageReference":
        """As Docker reads it: without a registry, it is Docker Hub's."""
        if self.registry in {None, "index.docker.io"}:
            return replace(self, registry=DOCKER_HUB).at_docker()
        if self.registry == DOCKER_HUB and "/" not in self.repository:
            return replace(self, repository=f"library/{self.repository}")
        return self

    def __str__(self) -> str:
        registry = f"{self.registry}/" if self.registry else ""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{registry}{self.repository}{tag}{digest}"


def parse_image(text: str) -> ImageReference:
    """The reference that ``text`` is.

    Raises:
        ValueError: it is none; the message says which part and why.
    """
    rest, at, digest = text.partition("@")
    if at and not DIGEST.fullmatch(digest):
        raise ValueError(f"{_shown(text)}: '@' is followed by a digest, sha256:<64 lower-case hex digits>")
    head, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        head, tag = rest, ""
    elif not TAG.fullmatch(tag):
        raise ValueError(f"{_shown(text)}: a tag is {TAG_RULE}")
    registry, repository = _split(head)
    if registry is not None:
        registry = parse_registry(registry)
    if not REPOSITORY.fullmatch(repository) or len(head) > MAX_NAME:
        raise ValueError(f"{_shown(text)}: an image is named by {REPOSITORY_RULE}")
    return ImageReference(repository, registry, tag or None, digest or None)


def parse_registry(text: str) -> str:
    """A registry's name as references have it, ``host[:port]`` in lower case.

    Raises:
        ValueError: it is none.
    """
    registry = text.lower()
    if len(registry) > MAX_NAME or not REGISTRY.fullmatch(registry):
        raise ValueError(f"{_shown(text)}: a registry is a host, with a port if need be, such as ghcr.io")
    return registry


def origin_of(image: str) -> str | None:
    """The registry and path of an image, without tag and digest: ``ghcr.io/acme/app``.

    A reference that ends in ``/`` is a registry with a path. None: a ``${{ }}`` decides it when it runs.
    """
    known, changes, _ = image.strip().partition(OPEN)
    known = known.removeprefix("https://").removeprefix("http://")
    if changes and "/" not in known:
        return None
    registry, rest = _split(known)
    if registry is None:
        registry, rest = DOCKER_HUB, known if "/" in known else f"library/{known}"
    path = rest.partition("@")[0]
    head, colon, tag = path.rpartition(":")
    path = head if colon and "/" not in tag else path
    return f"{registry.lower()}/{path.rstrip('/')}".rstrip("/")


def is_own(image: str) -> bool:
    """Whether it names no registry, which to the platform's steps is one that was built here."""
    known, _, _ = image.strip().partition(OPEN)
    return bool(known) and _split(known)[0] is None


def refusal_of_origin(origin: str, allowed: Sequence[str] | None) -> str | None:
    """Why a tenant that takes images from these registries alone (None: all) takes none of ``origin``."""
    if allowed is None or any(origin == one or origin.startswith(f"{one}/") for one in allowed):
        return None
    known = ", ".join(allowed) or "none"
    return f"images come from {origin!r}, which this tenant does not allow; it allows: {known}"


def _split(name: str) -> tuple[str | None, str]:
    """The registry in ``name``, if it names one, and what is left."""
    first, slash, rest = name.partition("/")
    is_registry = slash and ({".", ":"} & set(first) or first.lower() == "localhost")
    return (first, rest) if is_registry else (None, name)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 100 else f"{text[:99]}…")
