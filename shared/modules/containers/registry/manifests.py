"""Manifests: what an image, or an index of images, is made of (OCI image-spec 1.1, and Docker's schema 2)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import orjson

from shared.domain.images import DIGEST
from shared.ports.actions import ActionError

OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
INDEXES: Final = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFESTS: Final = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST)
"""The kinds that are asked for, and taken."""

OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
EMPTY: Final = "application/vnd.oci.empty.v1+json"
"""The config of an artifact that has none; its content is ``{}``."""

MAX_MANIFEST: Final = 4 * 1024 * 1024
"""Bytes; what the distribution specification has everybody support."""
MAX_CHILDREN: Final = 512
"""Descriptors in one manifest."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A piece of content and where to find it: by its digest."""

    media_type: str
    digest: str
    size: int
    platform: Mapping[str, Any] | None = None
    annotations: Mapping[str, str] | None = None
    is_elsewhere: bool = False
    """A layer that is not distributed (``urls``): registries need not have it."""

    @classmethod
    def of(cls, content: bytes, media_type: str) -> "Descriptor":
        return cls(media_type, digest_of(content), len(content))

    @classmethod
    def from_json(cls, value: Any) -> "Descriptor":
        """The descriptor ``value`` is.

        Raises:
            ValueError: it is none.
        """
        match value:
            case {"mediaType": str(kind), "digest": str(digest), "size": int(size)} if (
                DIGEST.fullmatch(digest) and not isinstance(size, bool) and size >= 0
            ):
                return cls(
                    kind,
                    digest,
                    size,
                    _mapping(value.get("platform")),
                    _mapping(value.get("annotations")),
                    bool(value.get("urls")),
                )
        raise ValueError("a descriptor has a mediaType, a digest and a size")

    def to_json(self) -> dict[str, Any]:
        return {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size,
            **({"platform": dict(self.platform)} if self.platform else {}),
            **({"annotations": dict(self.annotations)} if self.annotations else {}),
        }


@dataclass(frozen=True)
class Manifest:
    """A manifest, byte for byte: its digest is over these."""

    content: bytes = field(repr=False)
    media_type: str

    @classmethod
    def made(cls, document: Mapping[str, Any]) -> "Manifest":
        """The manifest of ``document``, which has a ``mediaType``; the same bytes each time."""
        return cls(orjson.dumps(document, option=orjson.OPT_SORT_KEYS), document["mediaType"])

    @cached_property
    def digest(self) -> str:
        return digest_of(self.content)

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(self.media_type, self.digest, len(self.content))

    @property
    def is_index(self) -> bool:
        return self.media_type in INDEXES

    @cached_property
    def document(self) -> Mapping[str, Any]:
        """What it says.

        Raises:
            ActionError: it is no JSON object.
        """
        try:
            document = orjson.loads(self.content)
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict):
            raise self._invalid("is no JSON object")
        if document.get("schemaVersion") != 2:
            raise self._invalid("is not of schema version 2")
        if document.get("mediaType", self.media_type) != self.media_type:
            # Readers that go by the one or by the other would see two images.
            raise self._invalid(f"is sent as {self.media_type}, and says that it is something else")
        return document

    @property
    def manifests(self) -> Sequence[Descriptor]:
        """The images of an index; none if it is an image."""
        return self._descriptors(self.document.get("manifests", [])) if self.is_index else ()

    @property
    def subjects(self) -> Sequence[str]:
        """The digest of the manifest that it is about, if it is about one."""
        match self.document.get("subject"):
            case {"digest": str(digest)} if DIGEST.fullmatch(digest):
                return [digest]
        return ()

    @property
    def blobs(self) -> Sequence[Descriptor]:
        """The config and the layers of an image; none if it is an index."""
        if self.is_index:
            return ()
        return self._descriptors([self.document.get("config"), *_list(self.document.get("layers", []))])

    def _descriptors(self, values: Any) -> Sequence[Descriptor]:
        found = _list(values)
        if len(found) > MAX_CHILDREN:
            raise self._invalid(f"names more than {MAX_CHILDREN} parts")
        try:
            return [Descriptor.from_json(value) for value in found]
        except ValueError as error:
            raise self._invalid(str(error)) from error

    def _invalid(self, why: str) -> ActionError:
        return ActionError("MANIFEST_INVALID", f"the manifest {self.digest} {why}", retryable=False)


@dataclass(frozen=True, slots=True)
class Named:
    """A manifest by its digest, and those that it names: what it is about, and what an index is made of."""

    digest: str
    subjects: Sequence[str] = ()
    parts: Sequence[str] = ()

    @classmethod
    def of(cls, manifest: Manifest) -> "Named":
        return cls(manifest.digest, manifest.subjects, [one.digest for one in manifest.manifests])

    @property
    def all(self) -> Sequence[str]:
        return (*self.subjects, self.digest, *self.parts)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _mapping(value: Any) -> Mapping[str, Any] | None:
    return value if isinstance(value, dict) else None
