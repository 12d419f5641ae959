"""Builds as steps do them: from a context to an image in a real registry, with what goes wrong in between."""

import asyncio
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from shared.modules.containers.building.bases import Bases
from shared.modules.containers.building.benches import PREFIX
from shared.modules.containers.building.builtin import BuiltInBuilder
from shared.modules.containers.building.contexts import Contexts
from shared.modules.containers.building.git_contexts import GitContexts
from shared.modules.containers.building.uploaded import UploadedContexts
from shared.modules.containers.builds import BuildContainer, BuildDockerImage
from shared.modules.containers.push import RestoreTags
from shared.modules.containers.registry.build_registry import execution_tag
from shared.modules.containers.registry.repositories import NO_REPOSITORIES
from shared.ports.actions import Completed, Foreseen, Pending
from shared.security.redaction import Redactor
from shared.security.scope import TenantScope
from tests.modules.containers.building import Workshop, wait_until
from tests.modules.containers.yards import ACME, Yard, action_of, opened_yard, skopeo
from tests.registries import EGRESS, Line, RunningRegistry, needs_skopeo, noise


@needs_skopeo
async def test_what_was_built_is_an_image_to_any_tool(every_yard: Yard) -> None:
    yard = every_yard.step(execution="01HF7YAT00ABCDEFGHJKMNPQRT")
    yard.workshop.write({"app/Dockerfile": 'FROM scratch\nCOPY . /app/\nCMD ["/app/a"]\n', "app/a": "A"})
    outputs = await yard.done(image="tools:1", context="./app")
    seen = await asyncio.to_thread(skopeo, yard, "inspect", image="acme/tools:1")
    assert seen["Digest"] == outputs["digest"]
    assert seen["Created"] == "1970-01-01T00:00:00Z"
    assert len(seen["Layers"]) == 1
    config = await asyncio.to_thread(skopeo, yard, "inspect", "--config", image="acme/tools:1")
    assert config["config"]["Cmd"] == ["/app/a"]
    path = f"{yard.build.place.host}/acme/tools"
    assert outputs["image"] == f"{path}:1@{outputs['digest']}"
    assert outputs["tags"] == {execution_tag(yard.context.execution_id, "1"): None, "1": None}
    assert (outputs["builder"], outputs["commit"], outputs["is_new"]) == ("builtin", None, True)
    log = await yard.log(outputs)
    assert "step 2/3, line 2: COPY . /app/" in log
    assert f"built {outputs['digest']}, {outputs['size']} bytes" in log


async def test_nothing_stands_for_the_image_until_what_the_tags_stood_for_is_remembered(yard: Yard) -> None:
    yard.workshop.write({"Dockerfile": "FROM scratch\nCOPY a /\n", "a": "1"})
    token = await yard.begin(image="late:1")
    assert await yard.manifest("1", "late") is None
    pending = await yard.go_on(token, image="late:1")
    assert isinstance(pending, Pending)
    assert pending.token["built"]["tags"]["1"] is None
    assert await yard.manifest("1", "late") is None
    assert isinstance(await yard.go_on(pending.token, image="late:1"), Completed)
    assert await yard.manifest("1", "late") is not None


async def test_a_step_that_is_told_twice_to_build_finds_what_it_has_built(yard: Yard) -> None:
    yard.workshop.write({"Dockerfile": "FROM scratch\nCOPY a /\n", "a": "1"})
    first = await yard.begin(image="twice:1")
    yard.workshop.write({"a": "2"})  # whatever becomes of the context meanwhile
    assert await yard.begin(image="twice:1") == first
    other = await yard.step("another").begin(image="twice:1")
    assert other["built"]["digest"] != first["built"]["digest"]


async def test_a_step_whose_image_was_taken_away_meanwhile_builds_it_again(yard: Yard) -> None:
    yard.workshop.write({"Dockerfile": "FROM scratch\nCOPY a /\n", "a": "once"})
    yard = yard.step("again")
    token = await yard.begin(image="again:1")
    digest = token["built"]["digest"]
    await yard.build.registry.delete("acme/again", digest)
    failed = await yard.failure_of(token, image="again:1")
    assert (failed.code, failed.retryable) == ("IMAGE_NOT_FOUND", True)
    assert (await yard.done(image="again:1"))["digest"] == digest


async def test_undoing_a_build_has_the_tag_stand_for_what_it_stood_for_before(yard: Yard) -> None:
    yard.workshop.write({"Dockerfile": "FROM scratch\nCOPY a /\n", "a": "old"})
    before = await yard.done(image="undo:1")
    yard.workshop.write({"a": "new"})
    later = yard.step(execution="01HF7YAT00ABCDEFGHJKMNPQRV")
    outputs = await later.done(image="undo:1")
    found = await yard.manifest("1", "undo")
    assert found is not None
    assert found.digest == outputs["digest"] != before["digest"]
    undoing, restore = yard.action.undone_by, RestoreTags(yard.repositories)
    assert undoing is not None
    given = {name: outputs[output] for name, output in undoing.outputs.items()}
    await restore.run(restore.Parameters.model_validate(given), later.context)  # type: ignore[arg-type]
    found = await yard.manifest("1", "undo")
    assert found is not None
    assert found.digest == before["digest"]
    assert await yard.manifest(execution_tag("01HF7YAT00ABCDEFGHJKMNPQRV", "1"), "undo") is None


async def test_a_build_that_is_cancelled_between_two_polls_leaves_the_tags_as_they_were(yard: Yard) -> None:
    yard.workshop.write({"Dockerfile": "FROM scratch\nCOPY a /\n", "a": "1"})
    pending = await yard.go_on(await yard.begin(image="stop:1"), image="stop:1")
    assert isinstance(pending, Pending)
    given = yard.action.Parameters.model_validate({"image": "stop:1"})
    assert isinstance(await yard.go_on(pending.token, image="stop:1"), Completed)
    await yard.action.cancel(pending.token, given, yard.context)  # type: ignore[arg-type]
    assert await yard.manifest("1", "stop") is None


async def test_an_image_is_built_upon_another_of_the_tenants_and_of_nobody_elses(every_yard: Yard) -> None:
    yard = every_yard.step(execution="01HF7YAT00ABCDEFGHJKMNPQRW")
    yard.workshop.write({"base/Dockerfile": "FROM scratch\nENV A=1\nCOPY f /lib/\n", "base/f": "F"})
    base = await yard.step("base").done(image="base:1", context="base")
    host = yard.build.place.host
    yard.workshop.write(
        {
            "app/Dockerfile": f"FROM {host}/acme/base:1 AS b\nFROM {host}/acme/base@{base['digest']}\n"
            "COPY --from=b /lib/f /lib/$A\n",
            "theirs/Dockerfile": f"FROM {host}/globex/base:1\n",
        }
    )
    outputs = await yard.done(image="upon:1", context="app")
    manifest, below = await yard.manifest("1", "upon"), await yard.manifest("1", "base")
    assert manifest is not None
    assert below is not None
    assert [blob.digest for blob in manifest.blobs[1:2]] == [blob.digest for blob in below.blobs[1:]]
    assert outputs["size"] > base["size"]
    failed = await yard.step("theirs").failure(image="stolen:1", context="theirs")
    assert (failed.code, failed.retryable) == ("IMAGE_DENIED", False)
    assert failed.message.startswith("Dockerfile line 1: FROM: ")


async def test_a_dry_run_says_what_would_be_built_and_keeps_nothing(yard: Yard) -> None:
    yard.workshop.write(
        {"Dockerfile": "ARG V\nFROM scratch\nCOPY a /\nENV V=$V\n", "a": "1", "b": "", ".dockerignore": "b"}
    )
    given = yard.action.Parameters.model_validate({"image": "dry:1", "args": {"V": "1", "W": "2"}})
    foreseen = await yard.action.dry_run(given, yard.context)  # type: ignore[arg-type]
    assert isinstance(foreseen, Foreseen)
    assert dict(foreseen.would) == {
        "build": "dry:1",
        "repository": f"{yard.build.place.host}/acme/dry",
        "builder": "builtin",
        "base_images": {},
        "steps": ["line 2: FROM scratch", "line 3: COPY a /", "line 4: ENV V=$V"],
        "files": 3,
        "unused_args": ["W"],
        "signed_in_to": [],
    }
    assert "digest" not in foreseen.outputs
    assert await yard.build.registry.tags("acme/dry") == []


@pytest.mark.parametrize(
    ("files", "parameters", "code", "message"),
    [
        ({}, {}, "BUILD_CONTEXT", "there is no 'Dockerfile' in the context '.'"),
        ({}, {"context": "none"}, "BUILD_CONTEXT", "there is no folder 'none'"),
        ({}, {"context": "../secret"}, "BUILD_CONTEXT", "'../secret' leads out"),
        ({}, {"context": "/etc"}, "BUILD_CONTEXT", "'/etc' leads out"),
        ({}, {"dockerfile": "../Dockerfile"}, "BUILD_CONTEXT", "'../Dockerfile' leads out"),
        ({"Dockerfile": "FORM x"}, {}, "DOCKERFILE", "Dockerfile line 1: there is no instruction 'FORM'"),
        ({"Dockerfile": "FROM scratch\n\nRUN x"}, {}, "DOCKERFILE", "Dockerfile line 3: RUN: "),
        ({"Dockerfile": "FROM scratch\nCOPY no /"}, {}, "DOCKERFILE", "Dockerfile line 2: COPY: 'no' is not"),
        ({"Dockerfile": "FROM scratch"}, {"target": "x"}, "BUILD_CONTEXT", "the Dockerfile has no stage 'x'"),
        ({"Dockerfile": "FROM UPPER"}, {}, "DOCKERFILE", "Dockerfile line 1: FROM: 'UPPER': an image"),
        ({"Dockerfile": "FROM scratch"}, {"image": "contexts:1"}, "IMAGE_NAME", "'contexts' cannot be"),
        ({"Dockerfile": "FROM 10.0.0.1/a"}, {}, "EGRESS_REFUSED", "Dockerfile line 1: FROM: 10.0.0.1: "),
        ({}, {"context": "upload:sha256:1"}, "BUILD_CONTEXT", "'upload:sha256:1' is no uploaded context"),
        ({}, {"context": "upload:sha256:" + "0" * 64}, "BUILD_CONTEXT", "there is no uploaded context"),
    ],
)
async def test_what_cannot_be_built_fails_with_a_cause_and_nothing_is_left(
    yard: Yard, files: dict[str, str], parameters: dict[str, Any], code: str, message: str
) -> None:
    yard.workshop.write(files)
    before = set(await yard.build.registry.tags("acme/failed"))
    failed = await yard.failure(**{"image": "failed:1", **parameters})
    assert failed.code == code
    assert failed.message.startswith(message)
    assert not failed.retryable
    left = set(await yard.build.registry.tags("acme/failed")) - before
    assert all(tag.startswith(f"{yard.context.execution_id}.build-log-") for tag in left), left
    if code != "IMAGE_NAME":
        assert f"failed: {message}" in await yard.log(failed.more)


async def test_without_a_registry_or_folders_the_operator_is_told_what_to_set(yard: Yard) -> None:
    nowhere = replace(
        yard,
        action=action_of(
            NO_REPOSITORIES, BuiltInBuilder(NO_REPOSITORIES, Bases(NO_REPOSITORIES)), yard.workshop
        ),
    )
    assert (await nowhere.failure()).code == "NO_BUILD_REGISTRY"
    contexts = Contexts(UploadedContexts(yard.repositories), GitContexts(EGRESS))
    bases = Bases(yard.repositories)
    action = BuildDockerImage(BuiltInBuilder(yard.repositories, bases), contexts, yard.repositories, bases)
    failed = await replace(yard, action=action).failure()  # type: ignore[arg-type]  # the same by another name
    assert "QUANTUM_CONTEXTS" in failed.message


@pytest.mark.parametrize(
    "parameters",
    [
        {"image": "ghcr.io/acme/web:1"},
        {"image": f"web@sha256:{'0' * 64}"},
        {"image": "Web"},
        {"image": "web:1", "platform": "linux"},
        {"image": "web:1", "args": {"A": 1}},
        {"image": "web:1", "args": {"A=B": "1"}},
        {"image": "web:1", "context": ""},
        {"image": "web:1", "build": "x"},
        {},
    ],
)
def test_parameters_that_make_no_sense_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BuildContainer.Parameters.model_validate(parameters)


async def test_a_build_that_nobody_waits_for_any_more_leaves_nothing_behind(
    yard: Yard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yard.workshop.write({"Dockerfile": "FROM scratch\nCOPY . /\n", "large": "x" * 5_000_000})
    building = asyncio.create_task(yard.begin(image="broken:1"))
    await asyncio.to_thread(wait_until, lambda: [*tmp_path.glob(f"{PREFIX}*/layers/*")])
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert not [name for name in os.listdir(tmp_path) if name.startswith(PREFIX)]  # noqa: PTH208  at once
    assert await yard.build.registry.tags("acme/broken") == []


async def test_an_image_comes_from_where_the_tenants_administrators_allow_it(yard: Yard) -> None:
    async def allowed(scope: TenantScope) -> list[str]:
        assert scope == ACME
        return ["ghcr.io/acme"]

    bases = Bases(yard.repositories, allowed)
    builder = BuiltInBuilder(yard.repositories, bases)
    restricted = replace(yard, action=action_of(yard.repositories, builder, yard.workshop, bases))
    yard.workshop.write({"Dockerfile": "FROM scratch\nWORKDIR /x\n"})
    await restricted.step("own").done(image="own:1")
    yard.workshop.write({"Dockerfile": f"FROM {yard.build.place.host}/acme/own:1\n"})
    await restricted.step("upon-own").done(image="upon-own:1")
    for image, origin in {
        "python:3.13": "docker.io/library/python",
        "ghcr.io/acme-evil/a": "ghcr.io/acme-evil/a",
    }.items():
        yard.workshop.write({"Dockerfile": f"FROM {image}\n"})
        failed = await restricted.step(image).failure(image="no:1")
        assert failed.code == "FORBIDDEN_REGISTRY"
        assert failed.message.startswith(f"Dockerfile line 1: FROM: images come from '{origin}', which")


async def test_a_secret_is_built_into_no_image(yard: Yard) -> None:
    yard.workshop.write({"Dockerfile": "FROM scratch\nARG T\nENV T=$T\n"})
    redactor = Redactor([("API_TOKEN", "a long secret value")])
    told = replace(yard, context=replace(yard.context, redactor=redactor)).step("secret")
    failed = await told.failure(image="secret:1", args={"T": "Bearer a long secret value"})
    assert (failed.code, failed.retryable) == ("SECRET_IN_IMAGE", False)
    assert "API_TOKEN" in failed.message
    assert "a long secret value" not in failed.message


async def test_a_registry_that_breaks_off_half_way_through_a_blob_gets_the_rest_and_one_that_is_gone_is_told(
    local: RunningRegistry, line: Line, workshop: Workshop, yard: Yard
) -> None:
    (workshop.context / "noise").write_bytes(noise(900_000))
    workshop.write({"Dockerfile": "FROM scratch\nCOPY noise /\n"})
    bad = replace(local, host=f"127.0.0.1:{line.port}")
    async for over in opened_yard(bad, workshop):
        line.cuts = [300_000]
        built = await over.step("line").done(image="line:1")
        assert line.broken == 1
    line.refuses = True
    async for over in opened_yard(bad, workshop):
        failed = await over.step("gone").failure(image="gone:2")
    assert (failed.code, failed.retryable) == ("REGISTRY_UNREACHABLE", True)
    manifest = await yard.manifest("1", "line")
    assert manifest is not None
    assert manifest.digest == built["digest"]
    tags = await yard.build.registry.tags("acme/gone")
    assert [tag for tag in tags if ".build-log-" not in tag] == []
