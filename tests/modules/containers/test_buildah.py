"""Builds by buildah, where it is installed."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psutil
import pytest

from shared.modules.containers.building.bases import Bases
from shared.modules.containers.building.benches import PREFIX
from shared.modules.containers.building.buildah import BuildahBuilder
from tests.modules.containers.building import Workshop, wait_until
from tests.modules.containers.yards import Yard, skopeo
from tests.registries import needs_skopeo

needs_buildah = pytest.mark.skipif(shutil.which("buildah") is None, reason="buildah is not installed here")

SHELL = Path("/bin/sh")


def _with_shell(workshop: Workshop) -> None:
    """A context with this machine's shell and what it needs."""
    asked = subprocess.run(["ldd", str(SHELL)], capture_output=True, text=True, check=True).stdout
    for path in [str(SHELL), *(word for word in asked.split() if word.startswith("/"))]:
        target = workshop.context / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


@needs_buildah
@needs_skopeo
async def test_buildah_runs_commands_on_images_that_we_have_pulled(yard: Yard) -> None:
    _with_shell(yard.workshop)
    host = yard.build.place.host
    yard.workshop.write(
        {
            "Dockerfile": "FROM scratch\nCOPY bin /bin\nCOPY li[b]* /lib/\nCOPY lib64 /lib64\nCOPY kept /\n",
            "kept": "k",
            ".dockerignore": "left",
            "left": "",
            "run/Dockerfile": f"ARG V=1\nFROM {host}/acme/shell:1 AS made\nARG V\nRUN echo $V > /made\n"
            "FROM scratch\nCOPY --from=made /made /\nFROM scratch\nRUN never\n",
        }
    )
    await yard.step("shell").done(image="shell:1")
    with yard.step("run").built_by(BuildahBuilder(yard.repositories, Bases(yard.repositories))) as run:
        parameters = {"image": "ran:1", "context": "run", "args": {"V": "7"}, "target": "1"}
        outputs = await run.done(**parameters)
        assert outputs["builder"] == "buildah"
        manifest = await yard.manifest("1", "ran")
        assert manifest is not None
        assert manifest.digest == outputs["digest"]
        log = await yard.log(outputs)
        assert "RUN echo $V > /made" in log
        assert "never" not in log
        failed = await run.step("fails").failure(**parameters | {"target": "2"})
        assert (failed.code, failed.message[:14]) == ("BUILD_FAILED", "buildah build ")
    seen = await asyncio.to_thread(skopeo, yard, "inspect", image="acme/ran:1")
    assert len(seen["Layers"]) == 1


@needs_buildah
async def test_buildah_is_killed_with_all_that_it_has_begun_when_nobody_waits_for_it(
    yard: Yard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    _with_shell(yard.workshop)
    mark = f"begun-{os.getpid()}"
    yard.workshop.write({"Dockerfile": f"FROM scratch\nCOPY . /\nRUN while : {mark}; do :; done\n"})
    with yard.built_by(BuildahBuilder(yard.repositories, Bases(yard.repositories))) as run:
        building = asyncio.create_task(run.begin(image="endless:1"))
        await asyncio.to_thread(wait_until, lambda: _processes(mark))
        building.cancel()
        with pytest.raises(asyncio.CancelledError):
            await building
    # The last of its children die with it, by the kernel's hand.
    await asyncio.to_thread(wait_until, lambda: not _processes(mark))
    assert not [name for name in os.listdir(tmp_path) if name.startswith(PREFIX)]  # noqa: PTH208  at once


def _processes(mark: str) -> list[int]:
    """Those that have it in their command line."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if process.pid != os.getpid() and any(mark in part for part in process.info["cmdline"] or ())
    ]


@needs_buildah
async def test_a_stage_that_is_not_needed_is_not_built_and_mounts_are_of_stages_that_were_looked_at(
    yard: Yard,
) -> None:
    _with_shell(yard.workshop)
    yard.workshop.write(
        {
            "Dockerfile": "FROM scratch AS shell\nCOPY bin /bin\nCOPY li[b]* /lib/\nCOPY lib64 /lib64\n"
            "FROM dir:/etc AS unneeded\nRUN evil\nFROM oci:/etc\n"
            "FROM scratch AS data\nCOPY text /\n"
            "FROM shell\nRUN --mount=type=bind,from=data,target=/data read a < /data/text; echo $a > /made\n",
            "text": "hello\n",
        }
    )
    with yard.step("mounts").built_by(BuildahBuilder(yard.repositories, Bases(yard.repositories))) as run:
        outputs = await run.done(image="mounts:1")
        assert "evil" not in await yard.log(outputs)
        for image in ("dir:/etc", "busybox"):
            yard.workshop.write({"Dockerfile": f"FROM scratch\nRUN --mount=from={image},target=/x y\n"})
            failed = await run.step(image).failure(image="mounts:2")
            assert failed.code == "DOCKERFILE"
            assert failed.message.startswith("Dockerfile line 2: RUN: --mount has no stage")


async def test_a_program_that_is_not_there_is_named(yard: Yard) -> None:
    yard.workshop.write({"Dockerfile": "FROM scratch\nCOPY . /\n"})
    with yard.step("absent").built_by(
        BuildahBuilder(yard.repositories, Bases(yard.repositories), "no-buildah")
    ) as run:
        failed = await run.failure(image="absent:1")
    assert (failed.code, failed.retryable) == ("BUILDER_UNAVAILABLE", False)
    assert "no-buildah cannot be started on this host" in failed.message
