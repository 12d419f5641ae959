"""Builds by the tasks of an Azure Container Registry, whose peer is strict."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from shared.modules.containers.building.acr import AcrBuilder
from shared.modules.containers.building.acr_tasks import AcrTasks
from shared.modules.containers.building.bases import Bases
from shared.modules.containers.registry.build_registry import execution_tag
from shared.modules.containers.registry.manifests import OCI_CONFIG, OCI_MANIFEST, Descriptor, Manifest
from shared.modules.containers.registry.sending import Connections
from shared.ports.actions import ActionError, Pending
from tests.modules.containers.azure_tasks import ID, TOKEN, Service, tasks_service
from tests.modules.containers.yards import EXECUTION, Yard, action_of
from tests.modules.registries.images import put_image
from tests.registries import EGRESS


@dataclass
class Azure:
    """Builds by the tasks of a registry, and what those are told."""

    yard: Yard
    service: Service

    async def outcome(self, *, tag: str = "1") -> Manifest:
        """Have the run come to an image, as Azure's agents push it."""
        yard, name = self.yard, self.service.requests[-1]["imageNames"][0]
        repository, _, pushed = name.partition(":")
        manifest = await put_image(yard.build.registry, repository, pushed)
        self.service.images = [
            {
                "registry": "acme.azurecr.io",
                "repository": repository,
                "tag": pushed,
                "digest": manifest.digest,
            }
        ]
        return manifest


@pytest.fixture
async def azure(yard: Yard) -> AsyncIterator[Azure]:
    async def token() -> str:
        return TOKEN

    with tasks_service() as (url, service):
        connections = Connections(EGRESS)
        builder = AcrBuilder(
            AcrTasks(connections, url, ID, token), yard.repositories, Bases(yard.repositories)
        )
        action = action_of(yard.repositories, builder, yard.workshop)
        yield Azure(replace(yard, action=action), service)
        await connections.aclose()
        assert service.wrong == []


FILES = {
    "app/Dockerfile": "FROM scratch AS one\nCOPY . /\nFROM scratch\nRUN never\n",
    "app/.dockerignore": "left\nDockerfile",
    "app/kept": "k",
    "app/left": "l",
}


async def test_azure_builds_what_it_was_sent_and_its_image_is_tagged(azure: Azure) -> None:
    yard = azure.yard.step("azure")
    yard.workshop.write(FILES)
    given = {
        "image": "cloud:1",
        "context": "app",
        "args": {"V": "1"},
        "target": "one",
        "platform": "linux/arm64",
    }
    token = await yard.begin(**given)
    assert azure.service.source == {
        ".quantum.dockerfile": b"FROM scratch AS one\nCOPY . /\n",
        ".dockerignore": b".quantum.dockerfile\n.dockerignore\n",
        "kept": b"k",
    }
    (request,) = azure.service.requests
    assert request["imageNames"] == [f"acme/cloud:{execution_tag(EXECUTION, '1')}"]
    assert request["arguments"] == [{"name": "V", "value": "1", "isSecret": False}]
    assert request["platform"] == {"os": "Linux", "architecture": "arm64"}
    for _ in range(2):
        waiting = await yard.go_on(token, **given)
        assert isinstance(waiting, Pending)
        assert (waiting.token, waiting.delay) == (token, 5)
    manifest = await azure.outcome()
    outputs = await yard.ended(token, **given)
    assert (outputs["digest"], outputs["builder"]) == (manifest.digest, "acr")
    found = await yard.manifest("1", "cloud")
    assert found is not None
    assert found.digest == manifest.digest
    assert "Step 2/2 : COPY a /" in await yard.log(outputs)


@pytest.mark.parametrize(
    ("status", "error", "log", "message", "retryable"),
    [
        ("Failed", "exit 1", b"boo\n", "the build ca1 ended as Failed: exit 1", False),
        ("Failed", "", b"Step 1\nboo\n", "the build ca1 ended as Failed: Step 1\nboo", False),
        ("Timeout", "", None, "the build ca1 ended as Timeout: ", True),
        ("Succeeded", "", b"", "the build ca1 succeeded, and its image is not in acme/gone", True),
    ],
)
async def test_a_build_that_azure_does_not_do_fails_with_its_log(
    azure: Azure, status: str, error: str, log: bytes | None, message: str, retryable: bool
) -> None:
    yard = azure.yard.step(f"fails-{status}")
    yard.workshop.write(FILES)
    azure.service.statuses, azure.service.error, azure.service.log = [status], error, log
    failed = await yard.failure(image="gone:1", context="app")
    assert (failed.code, failed.message, failed.retryable) == ("BUILD_FAILED", message, retryable)
    kept = await yard.log(failed.more)
    assert (log or b"").decode() in kept
    assert await yard.manifest("1", "gone") is None


@pytest.mark.parametrize(
    ("where", "status", "code", "retryable"),
    [
        ("listBuildSourceUploadUrl", 403, "BUILDER_REFUSED", False),
        ("scheduleRun", 401, "BUILDER_REFUSED", False),
        ("scheduleRun", 404, "BUILDER_UNAVAILABLE", False),
        ("scheduleRun", 429, "BUILDER_UNAVAILABLE", True),
        ("scheduleRun", 503, "BUILDER_UNAVAILABLE", True),
        ("runs/ca1", 404, "BUILDER_UNAVAILABLE", False),
    ],
)
async def test_what_azure_refuses_is_told_in_its_words(
    azure: Azure, where: str, status: int, code: str, retryable: bool
) -> None:
    yard = azure.yard.step(f"refused-{where}-{status}")
    yard.workshop.write(FILES)
    azure.service.fails = {where: (status, "NotToday")}
    failed = await yard.failure(image="refused:1", context="app")
    assert (failed.code, failed.retryable) == (code, retryable)
    assert "NotToday it is" in failed.message
    if status == 403:
        assert "Container Registry Tasks Contributor" in failed.message


async def test_a_look_that_fails_for_a_moment_does_not_fail_the_build(azure: Azure) -> None:
    yard = azure.yard.step("moment")
    yard.workshop.write(FILES)
    token = await yard.begin(image="moment:1", context="app")
    azure.service.fails = {"runs/ca1": (503, "Busy")}
    waiting = await yard.go_on(token, image="moment:1", context="app")
    assert isinstance(waiting, Pending)
    assert waiting.token == token


async def test_a_build_in_azure_is_cancelled_there(azure: Azure) -> None:
    yard = azure.yard.step("cancelled")
    yard.workshop.write(FILES)
    given = yard.action.Parameters.model_validate({"image": "off:1", "context": "app"})
    token = await yard.begin(image="off:1", context="app")
    for answer in ({}, {"cancel": (409, "HasEnded")}, {"cancel": (503, "Busy")}):
        azure.service.fails = answer
        stop = yard.action.cancel(token, given, yard.context)  # type: ignore[arg-type]  # of its own Parameters
        if "Busy" in str(answer):
            with pytest.raises(ActionError, match="Busy"):
                await stop
        else:
            await stop
    assert azure.service.cancelled == ["ca1"]


@pytest.mark.parametrize(
    ("instructions", "code"),
    [
        ("FROM {host}/globex/base:1", "IMAGE_DENIED"),
        ("FROM scratch\nCOPY --from={host}/globex/base:1 /a /a", "IMAGE_DENIED"),
        ("FROM scratch\nCOPY --from={host}/globex/base:1 --from=0 /a /a", "DOCKERFILE"),
        ("FROM scratch\nONBUILD COPY --from={host}/globex/base:1 /a /a", "DOCKERFILE"),
        (
            "FROM scratch\nRUN --mount=type=tmpfs,target=/x --mount=from={host}/globex/base,target=/y y",
            "DOCKERFILE",
        ),
        ("FROM {host}/acme/triggers:1", "DOCKERFILE"),
    ],
)
async def test_nothing_of_another_tenant_is_built_upon_in_a_registry_that_the_agents_can_read(
    azure: Azure, instructions: str, code: str
) -> None:
    yard = azure.yard.step("theirs")
    registry = yard.build.registry
    await put_image(registry, "globex/base", "1")
    config = Descriptor.of(b'{"config": {"OnBuild": ["COPY --from=x /a /a"]}, "rootfs": {}}', OCI_CONFIG)
    await registry.put_blob(
        "acme/triggers", config, b'{"config": {"OnBuild": ["COPY --from=x /a /a"]}, "rootfs": {}}'
    )
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.to_json(), "layers": []}
    await registry.put_manifest("acme/triggers", Manifest.made(document), "1")
    yard.workshop.write({"Dockerfile": instructions.replace("{host}", yard.build.place.host)})
    failed = await yard.failure(image="thief:1")
    assert failed.code == code, failed.message
    assert azure.service.requests == []
