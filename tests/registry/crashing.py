"""A process that pushes images until it is killed, and prints what it was told is stored.

``python -m tests.registry.crashing FOLDER``: 8 pushers; a line ``<tag> <manifest> <blob>…`` is printed after
each image that was stored.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from localhost.registry.garbage import collect
from localhost.registry.manifests import new_manifest
from localhost.registry.store import Store
from localhost.registry.uploads import Uploads
from shared.modules.containers.registry.manifests import OCI_MANIFEST, Descriptor
from tests.registries import noise

PUSHERS = 8
REPOSITORY = "acme/app"


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def put_blob(store: Store, uploads: Uploads, content: bytes) -> Descriptor:
    blob = Descriptor.of(content, "application/octet-stream")
    upload = await store.begin_upload(REPOSITORY)
    await uploads.append(REPOSITORY, upload, pieces(content), None)
    await uploads.finish(REPOSITORY, upload, blob.digest)
    return blob


async def push(store: Store, uploads: Uploads) -> None:
    shared = b"what all images have"
    while True:
        blobs = [await put_blob(store, uploads, content) for content in (shared, noise(20_000))]
        layers = [blob.to_json() for blob in blobs]
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": layers[0], "layers": layers}
        tag = noise(8).hex()
        new = new_manifest(json.dumps(document).encode(), OCI_MANIFEST, tag)
        await store.put_manifest(REPOSITORY, new, [tag])
        print(tag, new.digest, *(blob.digest for blob in blobs), flush=True)


async def main(folder: Path) -> None:
    store = Store(folder)
    uploads = Uploads(store)

    async def clean() -> None:
        while True:
            await collect(store)

    await asyncio.gather(clean(), *(push(store, uploads) for _ in range(PUSHERS)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
