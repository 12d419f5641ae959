"""How building and pushing images fails."""

from typing import Final

from shared.domain.failures import EGRESS, either, final, passing
from shared.modules.failures import SIGNING_IN

REGISTRIES: Final = (
    *EGRESS,
    final("IMAGE_NAME", "the name of the image cannot be one here"),
    either("IMAGE_NOT_FOUND", "there is no such image, or none for that platform"),
    final("IMAGE_DENIED", "the repository is another tenant's"),
    final("NO_BUILD_REGISTRY", "there is nowhere to keep what is built"),
    final("MANIFEST_INVALID", "the registry has something else under that name"),
    final("DIGEST_MISMATCH", "what came is not what its digest says"),
    final("BLOB_TOO_LARGE", "it is larger than what is taken"),
    passing("REGISTRY_UNREACHABLE", "the registry gave no answer"),
    passing("REGISTRY_UNAVAILABLE", "the registry could not do it now"),
    passing("REGISTRY_BUSY", "the registry has been asked too often"),
    final("REGISTRY_QUOTA", "the registry has no room for it"),
    final("REGISTRY_TOKEN", "the registry gave no token to sign in with"),
    final("REGISTRY_UNAUTHENTICATED", "the registry does not know who signs in"),
    final("REGISTRY_DENIED", "who signs in may not do that there"),
    final("REGISTRY_NOT_FOUND", "the registry does not have it"),
    either("REGISTRY_REFUSED", "the registry did not do it, or answered what nobody expects"),
)
"""Whoever asks a registry."""

BUILDS: Final = (
    *REGISTRIES,
    *SIGNING_IN,
    final("DOCKERFILE", "the Dockerfile says what cannot be done"),
    either("BUILD_CONTEXT", "what it builds from is not there, or cannot be taken"),
    passing("GIT_FAILED", "the repository that it builds from could not be fetched"),
    either("BASE_IMAGE", "what it builds on cannot be used"),
    final("FORBIDDEN_REGISTRY", "the tenant takes no images from there"),
    either("BUILD_FAILED", "the build failed; its log says where"),
    either("BUILDER_UNAVAILABLE", "nothing is there to build with"),
    final("BUILDER_REFUSED", "the builder did not take it"),
    final("SECRET_IN_IMAGE", "a secret would stand in the image"),
)
"""Whoever builds."""
