"""The page on building images does what it says."""

import asyncio
import io
import json
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from examples import hosting
from shared.modules.containers.building.build_parameters import BuildOutputs, BuildParameters, RegistrySignIn
from shared.modules.containers.registry.sending import Connections
from tests.docs.pages import commands_of, needs_curl, run, text_of
from tests.e2e.api import Api
from tests.modules.kit.containers import put_base
from tests.registries import EGRESS, RunningRegistry, local_registry

PAGE = text_of("building.md")
EXAMPLES = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
TENANT = "building"


def test_the_example_builds_the_web_app(host: hosting.Host) -> None:
    example, _ = EXAMPLES
    with Api(host, tenant=TENANT, user="mason") as api:
        created = api.client.post("/intents", json=json.loads(example))
        assert created.status_code == 201, created.text
        execution = api.execute(created.json()["id"])
        list(api.events(execution))
        ended = api.get(execution)
    assert ended["status"] == "completed", ended
    digest = ended["outputs"]["digest"]
    address = host.url.removeprefix("http://")
    assert ended["outputs"]["image"] == f"{address}/{TENANT}/webapp:1.4@{digest}"


def test_the_example_builds_upon_an_image_of_a_registry_that_demands_a_password(
    host: hosting.Host, tmp_path: Path
) -> None:
    _, example = EXAMPLES
    with local_registry(tmp_path / "private") as private, Api(host, tenant=TENANT, user="mason") as api:
        assert private.login is not None
        asyncio.run(put_private(private))
        text = example.replace("ghcr.io", private.host).replace("acme-ci", private.login.username)
        context = archive_of({"Dockerfile": f"FROM {private.host}/acme/base:1\nCOPY a /\n", "a": "1"})
        kept = api.client.post("/contexts", content=context, headers={"content-type": "application/gzip"})
        assert kept.status_code == 201, kept.text
        text = text.replace("./shop", kept.json()["reference"])
        assert api.client.put("/secrets/GHCR", json={"value": "not-the-password"}).status_code in {200, 201}
        intent = api.client.post("/intents", json=json.loads(text)).json()["id"]
        dry = ended(api, intent, {"dry_run": True})
        assert dry["status"] == "completed", dry
        assert ended(api, intent)["error"]["code"] == "REGISTRY_UNAUTHENTICATED"
        assert api.client.put("/secrets/GHCR", json={"value": private.login.password}).status_code == 200
        built = ended(api, intent)
        assert built["status"] == "completed", built
        assert "/building/shop:1.4@sha256:" in built["outputs"]["image"]
        assert private.login.password not in json.dumps(built)


def ended(api: Api, intent: str, how: Any = None) -> Any:
    execution = api.client.post(f"/intents/{intent}/execute", json=how or {}).json()["execution_id"]
    list(api.events(execution))
    return api.get(execution)


async def put_private(private: RunningRegistry) -> None:
    connections = Connections(EGRESS)
    await put_base(private.client(connections), "acme/base", "1")
    await connections.aclose()


def archive_of(files: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


@needs_curl
def test_an_archive_is_uploaded_and_built_from(host: hosting.Host) -> None:
    ran = run(commands_of("building.md"), host)
    shown, _ = json.JSONDecoder().raw_decode(ran.stdout)
    with Api(host, tenant=TENANT, user="mason") as api:
        step = {"id": "build", "action": "build-container", "image": "up:1", "context": shown["reference"]}
        ended = api.run([step])
    assert ended["status"] == "completed", ended
    assert ended["steps"][0]["outputs"]["builder"] == "builtin"


def test_the_page_names_every_parameter_every_output_and_every_failure() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE))
    assert BuildParameters.model_fields.keys() | BuildOutputs.model_fields.keys() <= named
    assert RegistrySignIn.model_fields.keys() <= named
    folder = Path(hosting.ROOT, "shared", "modules", "containers")
    sources = "".join(
        next(folder.rglob(f"{name}.py")).read_text()
        for name in (
            "acr",
            "acr_tasks",
            "bases",
            "buildah",
            "builds",
            "builtin",
            "contexts",
            "git_contexts",
            "programs",
            "uploaded",
        )
    )
    codes = set(re.findall(r'ActionError\(\s*"([A-Z_]+)"', sources))
    assert codes - {"EGRESS_REFUSED", "IMAGE_NOT_FOUND"} <= named, codes - named
