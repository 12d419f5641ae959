"""Base images that are not for anybody: who signs in where they are, and that nobody else is told how."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from shared.modules.containers.building.acr import AcrBuilder
from shared.modules.containers.building.acr_tasks import AcrTasks
from shared.modules.containers.building.bases import Bases
from shared.modules.containers.building.buildah import BuildahBuilder
from shared.modules.containers.builds import BuildContainer
from shared.modules.containers.registry.sending import Connections
from shared.ports.actions import Foreseen
from shared.security.redaction import Redactor, mark
from tests.modules.containers.azure_tasks import ID, TOKEN, tasks_service
from tests.modules.containers.yards import Yard, action_of
from tests.modules.kit.containers import put_base
from tests.registries import EGRESS, Meddler, RunningRegistry, local_registry

needs_buildah = pytest.mark.skipif(shutil.which("buildah") is None, reason="buildah is not installed here")


@dataclass(frozen=True)
class Private:
    """Somebody else's registry, which wants a password and tells what it was sent."""

    running: RunningRegistry
    meddler: Meddler

    @property
    def sign_in(self) -> dict[str, str]:
        login = self.running.login
        assert login is not None
        return {"registry": self.running.host, "username": login.username, "password": login.password}

    @property
    def base(self) -> str:
        return f"{self.running.host}/acme/private:1"


def opened(folder: Path) -> Iterator[Private]:
    meddler = Meddler()
    with local_registry(folder, meddler) as running:
        yield Private(running, meddler)


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Private]:
    for made in opened(tmp_path / "private"):
        asyncio.run(filled(made))
        yield made


async def filled(private: Private) -> None:
    connections = Connections(EGRESS)
    await put_base(private.running.client(connections), "acme/private", "1")
    await connections.aclose()
    private.meddler.authorizations.clear()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Private]:
    yield from opened(tmp_path / "other")


async def test_a_base_image_is_pulled_by_who_signs_in_and_nothing_kept_says_how(
    yard: Yard, private: Private
) -> None:
    yard.workshop.write({"Dockerfile": f"FROM {private.base}\nCOPY a /\n", "a": "1"})
    yard = yard.step("private")
    token = await yard.begin(image="upon-private:1", registries=[private.sign_in])
    outputs = await yard.ended(token, image="upon-private:1", registries=[private.sign_in])
    kept = json.dumps([token, outputs, await yard.log(outputs)])
    assert Redactor([("PASSWORD", private.sign_in["password"])]).names_in(kept) == []
    assert f"{private.base} is {private.running.host}/acme/private@sha256:" in kept


async def test_without_a_password_or_with_a_wrong_one_the_line_is_told_that_wants_it(
    yard: Yard, private: Private
) -> None:
    yard.workshop.write({"Dockerfile": f"FROM scratch\nCOPY --from={private.base} /a /a\n"})
    failed = await yard.step("nobody").failure()
    assert (failed.code, failed.retryable) == ("REGISTRY_UNAUTHENTICATED", False)
    assert failed.message.startswith("Dockerfile line 2: COPY: ")
    wrong = private.sign_in | {"password": "not-the-password"}
    failed = await yard.step("wrong").failure(registries=[wrong])
    assert failed.code in {"REGISTRY_UNAUTHENTICATED", "REGISTRY_DENIED"}
    assert "not-the-password" not in json.dumps(failed.to_json())


async def test_a_password_is_given_to_the_registry_that_it_is_for_and_to_no_other(
    yard: Yard, private: Private, other: Private
) -> None:
    yard.workshop.write(
        {"Dockerfile": f"FROM {private.base} AS a\nFROM {other.running.host}/acme/private:1\n"}
    )
    foreign = {"registry": "registry.example.com", "username": "somebody", "password": "for-an-example"}
    failed = await yard.step("two").failure(registries=[private.sign_in, foreign])
    assert private.meddler.authorizations == []  # the last stage needs only the other
    assert failed.code == "REGISTRY_UNAUTHENTICATED"
    assert set(other.meddler.authorizations) == {""}
    log = await yard.log(failed.more)
    assert "registries/0 goes unused" in log
    assert "registries/1 goes unused" in log


async def test_a_dry_run_asks_for_the_base_image_and_says_where_it_signs_in(
    yard: Yard, private: Private
) -> None:
    yard.workshop.write({"Dockerfile": f"FROM {private.base}\n"})
    given = BuildContainer.Parameters.model_validate({"image": "dry:1", "registries": [private.sign_in]})
    foreseen = await yard.action.dry_run(given, yard.context)  # type: ignore[arg-type]
    assert isinstance(foreseen, Foreseen)
    assert foreseen.would["signed_in_to"] == [private.running.host]
    assert list(foreseen.would["base_images"]) == [private.base]
    assert private.sign_in["password"] not in str(foreseen)


async def test_a_dry_run_that_is_given_no_secrets_names_the_image_and_asks_for_none(
    yard: Yard, private: Private
) -> None:
    yard.workshop.write({"Dockerfile": f"FROM {private.base}\n"})
    sign_in = private.sign_in | {"password": mark("GHCR")}
    given = BuildContainer.Parameters.model_validate({"image": "dry:1", "registries": [sign_in]})
    foreseen = await yard.action.dry_run(given, yard.context)  # type: ignore[arg-type]
    assert isinstance(foreseen, Foreseen)
    assert foreseen.would["base_images"] == {private.base: None}
    assert private.meddler.authorizations == []


@needs_buildah
async def test_buildah_builds_upon_it_too(yard: Yard, private: Private) -> None:
    yard.workshop.write({"Dockerfile": f"FROM {private.base}\nCOPY a /\n", "a": "1"})
    with yard.step("buildah").built_by(BuildahBuilder(yard.repositories, Bases(yard.repositories))) as by:
        outputs = await by.done(image="upon-private:2", platform="linux/amd64", registries=[private.sign_in])
        assert outputs["builder"] == "buildah"
        assert private.sign_in["password"] not in await by.log(outputs)


async def test_azures_agents_are_told_how_to_sign_in_where_base_images_are_and_nowhere_else(
    yard: Yard, private: Private
) -> None:
    async def token() -> str:
        return TOKEN

    foreign = {"registry": "registry.example.com", "username": "somebody", "password": "for-an-example"}
    host = yard.build.place.host
    await put_base(yard.build.registry, "acme/own", "1")
    yard.workshop.write(
        {"Dockerfile": f"FROM {host}/acme/own:1 AS own\nFROM {private.base}\nCOPY --from=own . /\n"}
    )
    with tasks_service() as (url, service):
        connections = Connections(EGRESS)
        builder = AcrBuilder(
            AcrTasks(connections, url, ID, token), yard.repositories, Bases(yard.repositories)
        )
        azure = replace(yard, action=action_of(yard.repositories, builder, yard.workshop)).step("agents")
        begun = await azure.begin(image="agents:1", registries=[private.sign_in, foreign])
        await connections.aclose()
    assert begun == {"building": {"run": "ca1"}, "facts": {}}
    assert service.wrong == []
    (request,) = service.requests
    assert request["credentials"]["customRegistries"] == {
        private.running.host: {
            "userName": {"type": "Opaque", "value": private.sign_in["username"]},
            "password": {"type": "Opaque", "value": private.sign_in["password"]},
        }
    }


@pytest.mark.parametrize(
    "registries",
    [
        [{"registry": "ghcr.io"}],
        [{"registry": "ghcr.io", "username": "ci"}],
        [{"registry": "ghcr.io/acme", "username": "ci", "password": "p"}],
        [{"registry": "https://ghcr.io", "username": "ci", "password": "p"}],
        [{"registry": "", "username": "ci", "password": "p"}],
        [{"registry": name, "username": "ci", "password": "p"} for name in ("docker.io", "Index.Docker.io")],
        [{"registry": f"r{n}.io", "username": "ci", "password": "p"} for n in range(21)],
        {"ghcr.io": {"username": "ci", "password": "p"}},
    ],
)
def test_what_is_no_way_to_sign_in_is_refused_without_telling_it(registries: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        BuildContainer.Parameters.model_validate({"image": "a:1", "registries": registries})
    assert all("https://ghcr.io" not in one["msg"] for one in caught.value.errors())


def test_docker_hub_goes_by_one_name() -> None:
    sign_in = {"registry": "index.docker.io", "username": "ci", "password": "p"}
    given = BuildContainer.Parameters.model_validate({"image": "a:1", "registries": [sign_in]})
    assert list(given.logins) == ["docker.io"]  # type: ignore[attr-defined]
    assert "'p'" not in repr(given)
