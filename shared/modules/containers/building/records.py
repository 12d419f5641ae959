"""What is kept of a build beside the image: its log, and by what it is found when it is asked for twice.

A record is an OCI artifact in the image's repository, under a tag that only this step of this execution has.
Its one layer is the log, its ``subject`` the image, which stays as long as the record does.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from shared.modules.containers.building.orders import Order
from shared.modules.containers.images.build_logs import BuildLog
from shared.modules.containers.registry.build_registry import execution_tag
from shared.modules.containers.registry.manifests import EMPTY, OCI_MANIFEST, Descriptor, Manifest
from shared.modules.containers.registry.repositories import Repository

ARTIFACT: Final = "application/vnd.quantum.build.v1"
LOG: Final = "text/plain"
LOG_TAG: Final = "build-log-"
_FACTS: Final = "dev.quantum.build"


@dataclass(frozen=True, slots=True)
class Record:
    """``digest`` is the image's; ``facts`` are what is told of the build beside."""

    digest: str
    log: str
    """A reference to the record itself, whose layer is the log."""
    facts: Mapping[str, Any]


async def record_of(order: Order, repository: Repository) -> Record | None:
    """What is known of a build that this step has done before; None: it has not.

    Raises:
        ActionError: the registry does not say.
    """
    found = await repository.registry.manifest(repository.name, _tag(order))
    return None if found is None else _record(found, repository)


async def keep_record(
    order: Order, repository: Repository, image: Manifest | None, log: BuildLog, facts: Mapping[str, Any]
) -> Record:
    """Keep the log, and of a build that has come to an ``image``, where it is found again.

    Raises:
        ActionError: the registry does not take it.
    """
    registry = repository.registry
    text, nothing = log.text(), Descriptor.of(b"{}", EMPTY)
    layer = Descriptor.of(text, LOG)
    await registry.put_blob(repository.name, layer, text)
    await registry.put_blob(repository.name, nothing, b"{}")
    subject = {"subject": image.descriptor.to_json()} if image else {}
    manifest = Manifest.made(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": ARTIFACT,
            "config": nothing.to_json(),
            "layers": [layer.to_json()],
            "annotations": {_FACTS: orjson.dumps(dict(facts), option=orjson.OPT_SORT_KEYS).decode()},
            **subject,
        }
    )
    await registry.put_manifest(
        repository.name, manifest, _tag(order) if image else _log_tag(order, manifest)
    )
    return _record(manifest, repository)


def _record(manifest: Manifest, repository: Repository) -> Record:
    document = manifest.document
    facts = orjson.loads(document.get("annotations", {}).get(_FACTS, "{}"))
    digest = document.get("subject", {}).get("digest", "")
    return Record(digest, f"{repository.path}@{manifest.digest}", facts)


def _log_tag(order: Order, manifest: Manifest) -> str:
    """By which the log of a failure is found when its execution is gone."""
    return execution_tag(order.execution_id, f"{LOG_TAG}{manifest.digest.partition(':')[2][:32]}")


def _tag(order: Order) -> str:
    step = hashlib.sha256(order.key.encode()).hexdigest()[:32]
    return execution_tag(order.execution_id, f"build-{step}")
