"""The page on containers does what it says."""

import asyncio
import gzip
import json
import re
from pathlib import Path

from examples import hosting
from localhost.registry.place import local_registry
from shared.modules.containers.push import PushOutputs, PushParameters
from shared.modules.containers.registry.manifests import (
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
    Descriptor,
    Manifest,
)
from shared.modules.containers.registry.registries import Registry
from shared.modules.containers.registry.sending import Connections
from tests.docs.pages import commands_of, run, text_of
from tests.e2e.api import Api
from tests.modules.registries.images import put_image
from tests.registries import EGRESS, needs_skopeo, noise

PAGE = text_of("containers.md")
TENANT = "shop-images"


def put_layout(folder: Path) -> str:
    """A new image as a folder (OCI image-spec, "Image Layout"), and its digest."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    layer = gzip.compress(noise(1000))  # else skopeo compresses it
    config = json.dumps(
        {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}}
    )
    parts = [
        Descriptor.of(config.encode(), OCI_CONFIG),
        Descriptor.of(layer, OCI_LAYER),
    ]
    document = {"config": parts[0].to_json(), "layers": [parts[1].to_json()]}
    manifest = Manifest.made({"schemaVersion": 2, "mediaType": OCI_MANIFEST, **document})
    for content in (layer, config.encode(), manifest.content):
        (blobs / Descriptor.of(content, "").digest.removeprefix("sha256:")).write_bytes(content)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    index = {"schemaVersion": 2, "manifests": [manifest.descriptor.to_json()]}
    (folder / "index.json").write_text(json.dumps(index))
    return manifest.digest


@needs_skopeo
def test_skopeo_copies_to_the_local_registry_and_reads_it(host: hosting.Host, tmp_path: Path) -> None:
    digest = put_layout(tmp_path / "image")
    address = host.url.removeprefix("http://")
    ran = run(commands_of("containers.md").replace("127.0.0.1:7071", address), host, folder=tmp_path)
    shown = json.loads(ran.stdout[ran.stdout.index("{") :])
    assert shown["Digest"] == digest
    assert shown["RepoTags"] == ["1.4"]
    assert shown["Architecture"] == "amd64"


def test_the_example_pushes_to_this_machine(host: hosting.Host) -> None:
    place = local_registry(host.data, host.url)

    async def built() -> Manifest:
        connections = Connections(EGRESS)
        image = await put_image(Registry(connections, place.host, place.login), f"{TENANT}/shop", "1.4")
        await connections.aclose()
        return image

    image = asyncio.run(built())
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    with Api(host, tenant=TENANT, user="rita", role="admin") as api:
        created = api.client.post("/intents", json=json.loads(example))
        assert created.status_code == 201, created.text
        execution = api.execute(created.json()["id"])
        list(api.events(execution))
        ended = api.get(execution)
    assert ended["status"] == "completed", ended
    outputs = ended["steps"][0]["outputs"]
    assert (outputs["registry"], outputs["instead_of"]) == ("local", "azurecr.io")
    repository = f"{place.host}/{TENANT}/azurecr.io/shop"
    assert ended["outputs"] == {"pushed": f"{repository}:1.4@{image.digest}"}


def test_the_page_names_every_output_and_every_failure() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE))
    assert PushOutputs.model_fields.keys() <= named
    assert PushParameters.model_fields.keys() <= named
    folder = hosting.ROOT / "shared" / "modules" / "containers"
    mine = ("answers", "authentication", "build_registry", "downloads", "manifests", "push", "registries")
    sources = "".join(
        next(folder.rglob(f"{name}.py")).read_text()
        for name in (*mine, "repositories", "sending", "tags", "transfers", "uploads")
    )
    codes = set(re.findall(r'"((?:[A-Z]+_)+[A-Z]+)"', sources)) - {"DIGEST_INVALID"}
    assert codes <= named, codes - named
