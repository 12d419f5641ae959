"""Where a container image comes from, as its reference says.

The grammar is that of the distribution project (github.com/distribution/reference, ``normalize.go``): the
part before the first slash is a registry if it has a dot or a colon or is ``localhost``; without one, an
image is Docker Hub's, and there of ``library`` if it has no slash at all.
"""

from shared.domain.templates import OPEN

DOCKER_HUB = "docker.io"


def origin_of(image: str) -> str | None:
    """The registry and path of an image, without tag and digest: ``ghcr.io/acme/app``.

    A reference that ends in ``/`` is a registry with a path. None: a ``${{ }}`` decides it when it runs.
    """
    known, changes, _ = image.strip().partition(OPEN)
    first, slash, rest = known.removeprefix("https://").removeprefix("http://").partition("/")
    if changes and not slash:
        return None
    registry = first.lower()
    if not slash or not ({".", ":"} & set(first) or first == "localhost"):
        registry, rest = DOCKER_HUB, known if slash else f"library/{known}"
    path = rest.partition("@")[0]
    head, colon, tag = path.rpartition(":")
    path = head if colon and "/" not in tag else path
    return f"{registry}/{path.rstrip('/')}".rstrip("/")
