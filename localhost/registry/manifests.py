"""What is pushed as a manifest, held against the image specification before it is stored."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from localhost.registry.errors import RegistryError
from localhost.registry.store import NewManifest, StoredManifest
from localhost.registry.uploads import require_digest
from shared.domain.images import TAG, TAG_RULE
from shared.modules.containers.registry.manifests import MANIFESTS, OCI_INDEX, Descriptor, Manifest
from shared.ports.actions import ActionError

_UNSAID: Final = frozenset({"", "application/json", "application/octet-stream"})


def new_manifest(content: bytes, content_type: str, reference: str) -> NewManifest:
    """The manifest that ``content`` is, to be stored under ``reference``, a tag or its digest.

    Raises:
        RegistryError: it is none, or the reference cannot be used.
    """
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if ":" in reference:
        require_digest(reference)
        digest = (
            f"{reference.partition(':')[0]}:{hashlib.new(reference.partition(':')[0], content).hexdigest()}"
        )
        if digest != reference:
            raise RegistryError("DIGEST_INVALID", f"the manifest that was sent has the digest {digest}")
    else:
        require_tag(reference)
    try:
        manifest = _typed(Manifest(content, content_type.partition(";")[0].strip().lower()))
        subject = manifest.document.get("subject")
        return NewManifest(
            digest,
            manifest.media_type,
            content,
            Descriptor.from_json(subject).digest if subject is not None else None,
            frozenset(one.digest for one in manifest.blobs if not one.is_elsewhere),
            frozenset(one.digest for one in manifest.manifests),
        )
    except ActionError as error:
        raise RegistryError("MANIFEST_INVALID", error.message) from error
    except ValueError as error:
        raise RegistryError("MANIFEST_INVALID", f"the subject of the manifest: {error}") from error


def require_tag(tag: str) -> None:
    """Go on if that is a tag.

    Raises:
        RegistryError: it is none.
    """
    if not TAG.fullmatch(tag):
        raise RegistryError("MANIFEST_INVALID", f"a tag is {TAG_RULE}")


def index_of_referrers(found: list[StoredManifest], artifact_type: str | None) -> dict[str, Any]:
    """The answer of the referrers API: an index of what has the same subject."""
    described = [_described(one) for one in found]
    return {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [one for one in described if artifact_type in {None, one.get("artifactType")}],
    }


def _typed(manifest: Manifest) -> Manifest:
    """The manifest with the type that it has, of itself or by its header."""
    said = manifest.document.get("mediaType")
    kind = manifest.media_type
    if said is not None and kind not in _UNSAID and said != kind:
        raise RegistryError(
            "MANIFEST_INVALID", f"its mediaType is {str(said)[:100]!r}, and it was sent as {kind!r}"
        )
    if kind in _UNSAID:
        kind = str(said)
    if kind not in MANIFESTS:
        raise RegistryError("MANIFEST_INVALID", f"{kind[:100]!r} is no type of manifest that is taken here")
    return Manifest(manifest.content, kind)


def _artifact_type(document: Mapping[str, Any]) -> str | None:
    match document:
        case {"artifactType": str(kind)} if kind:
            return kind
        case {"config": {"mediaType": str(kind)}}:
            return kind
    return None


def _described(stored: StoredManifest) -> dict[str, Any]:
    document = Manifest(stored.content, stored.media_type).document
    kind = _artifact_type(document)
    annotations = document.get("annotations")
    return {
        "mediaType": stored.media_type,
        "digest": stored.digest,
        "size": len(stored.content),
        **({"artifactType": kind} if kind else {}),
        **({"annotations": annotations} if annotations else {}),
    }
