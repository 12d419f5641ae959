"""Pushing an image, and undoing that."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.responses import Response

from localhost.registry.place import local_registry as local_place
from shared.domain.images import parse_image
from shared.domain.places import Place
from shared.modules.containers.push import PushToRegistry, RestoreTags
from shared.modules.containers.registry.build_registry import BuildRegistry, execution_tag
from shared.modules.containers.registry.manifests import OCI_INDEX, Manifest
from shared.modules.containers.registry.registries import Registry
from shared.modules.containers.registry.repositories import NO_REPOSITORIES, Operators, Repositories
from shared.modules.containers.registry.sending import Connections
from shared.ports.actions import ActionContext, ActionError, Completed, Foreseen
from shared.ports.registries import LOCAL, RegistryPlace
from shared.security.egress import EgressPolicy
from shared.security.scope import TenantScope
from tests.fakes.callbacks import StandingCallbacks
from tests.fakes.children import StandingChildren
from tests.fakes.clock import FrozenClock
from tests.modules.registries.images import new_repository, put_image, put_index
from tests.registries import EGRESS, Meddler, RunningRegistry

ACME = TenantScope("acme")
EXECUTION = "01HF7YAT00ABCDEFGHJKMNPQRS"


@dataclass
class Desk:
    """The actions over the local registry as the build registry, as steps of an execution call them."""

    build: BuildRegistry
    repositories: Repositories
    context: ActionContext

    @property
    def registry(self) -> Registry:
        return self.build.registry

    async def push(self, **parameters: Any) -> dict[str, Any]:
        """The outputs of a push."""
        push = PushToRegistry(self.repositories)
        given = push.Parameters.model_validate(parameters)
        pending = await push.run(given, self.context)  # type: ignore[arg-type]  # of its own Parameters
        token = json.loads(json.dumps(pending.token))
        done = await push.poll(token, given, self.context)  # type: ignore[arg-type]  # likewise
        outputs = push.Outputs.model_validate(dict(done.outputs))
        return outputs.model_dump()

    async def undo(self, outputs: Mapping[str, Any]) -> dict[str, str]:
        """What becomes of the tags when the push with these outputs is undone."""
        restore = RestoreTags(self.repositories)
        undoing = PushToRegistry.undone_by
        assert undoing is not None
        assert undoing.action == restore.name
        given = restore.Parameters.model_validate(
            {name: outputs[output] for name, output in undoing.outputs.items()}
        )
        done = await restore.run(given, self.context)  # type: ignore[arg-type]  # of its own Parameters
        assert isinstance(done, Completed)
        return dict(done.outputs["tags"])


@pytest.fixture
def context() -> ActionContext:
    place = Place(EXECUTION, "push", 1)
    return ActionContext(
        ACME, place, f"{EXECUTION}/push", FrozenClock(), StandingChildren(), StandingCallbacks()
    )


@pytest.fixture
async def desk(meddled: RunningRegistry, meddler: Meddler, context: ActionContext) -> AsyncIterator[Desk]:
    build = BuildRegistry(RegistryPlace(LOCAL, meddled.url, meddled.login), EGRESS)
    repositories = Repositories(Operators(build, build, {"azurecr.io": LOCAL}), EGRESS)
    yield Desk(build, repositories, context)
    await repositories.aclose()


@pytest.fixture
def elsewhere(running: RunningRegistry, connections: Connections) -> Registry:
    """A registry that is not the operator's: the local host's (another one), and Debian's."""
    return running.client(connections)


def sign_in(running: RunningRegistry) -> dict[str, str]:
    return {"username": running.login.username, "password": running.login.password} if running.login else {}


def name_of(repository: str) -> str:
    return repository.partition("/")[2]


async def everything(registry: Registry, repository: str, manifest: Manifest) -> bool:
    """Whether the repository has the manifest and all that it names."""
    found = await registry.manifest(repository, manifest.digest)
    children = [await registry.manifest(repository, child.digest) for child in manifest.manifests]
    blobs = [blob for one in (manifest, *children) if one is not None for blob in one.blobs]
    there = [await registry.has_blob(repository, blob.digest) for blob in blobs]
    return found == manifest and None not in children and all(there)


async def test_all_platforms_of_an_index_are_pushed_and_tagged(
    desk: Desk, elsewhere: Registry, running: RunningRegistry
) -> None:
    index, images = await put_index(desk.registry, repository := new_repository(), "1.4")
    target = new_repository("team")
    registry = f"{running.host}/{target.rpartition('/')[0]}"
    parameters = {"image": f"{name_of(repository)}:1.4", "registry": registry, **sign_in(running)}
    outputs = await desk.push(**parameters, tags=["1.4", "latest"])
    pushed = f"team/{name_of(repository)}"
    assert await everything(elsewhere, pushed, index)
    for tag in ("1.4", "latest"):
        assert await elsewhere.digest(pushed, tag) == index.digest
    size = sum(len(one.content) for one in (index, *images))
    size += sum(blob.size for image in images for blob in image.blobs)
    assert outputs == {
        "reference": f"{running.host}/{pushed}:1.4@{index.digest}",
        "digest": index.digest,
        "size": size,
        "sent": sum(blob.size for image in images for blob in image.blobs),
        "registry": running.host,
        "instead_of": None,
        "repository": f"{running.host}/{pushed}",
        "tags": {"1.4": None, "latest": None},
        "is_new": True,
    }
    again = await desk.push(**parameters)
    assert (again["sent"], again["is_new"], again["tags"]) == (0, False, {"1.4": index.digest})


async def test_an_index_that_names_its_images_by_sha512_stays_whole(
    desk: Desk, local: RunningRegistry, connections: Connections
) -> None:
    image = await put_image(desk.registry, repository := new_repository())
    long = f"sha512:{hashlib.sha512(image.content).hexdigest()}"
    await desk.registry.put_manifest(repository, image, long)
    described = [{**image.descriptor.to_json(), "digest": long}]
    index = Manifest.made({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": described})
    await desk.registry.put_manifest(repository, index, "1")
    await desk.push(image=f"{name_of(repository)}:1", registry=f"{local.host}/long", **sign_in(local))
    assert await everything(local.client(connections), f"long/{name_of(repository)}", index)


async def test_a_step_that_is_delivered_twice_sends_nothing_twice_and_ends_the_same(
    desk: Desk, elsewhere: Registry, running: RunningRegistry
) -> None:
    image = await put_image(desk.registry, repository := new_repository(), "latest")
    push = PushToRegistry(desk.repositories)
    given: Any = push.Parameters.model_validate(
        {"image": name_of(repository), "registry": f"{running.host}/twice", **sign_in(running)}
    )
    first = await push.run(given, desk.context)
    second = await push.run(given, desk.context)
    assert second.token == {**first.token, "sent": 0, "is_new": False}
    done = [await push.poll(first.token, given, desk.context) for _ in range(2)]
    assert done[0] == done[1]
    assert done[0].outputs["tags"] == {"latest": None}
    assert await elsewhere.digest(f"twice/{name_of(repository)}", "latest") == image.digest


async def test_what_the_execution_has_built_goes_before_what_the_tenant_has(desk: Desk) -> None:
    repository = new_repository()
    theirs = await put_image(desk.registry, repository, "1.4")
    ours = await put_image(desk.registry, repository)
    asked = parse_image(f"{name_of(repository)}:1.4")
    await desk.build.put_tags(ACME, asked, ours, execution_id=EXECUTION)
    await desk.registry.put_manifest(repository, theirs, "1.4")  # somebody else builds, too
    outputs = await desk.push(image=str(asked), registry=LOCAL, tags=["release"])
    assert outputs["digest"] == ours.digest
    elsewhere = replace(desk.context, place=Place("01HF7YAT00ZZZZZZZZZZZZZZZZ", "push", 1))
    found = await desk.repositories.find(ACME, asked, execution_id=elsewhere.execution_id)
    assert found.manifest.digest == theirs.digest


async def test_a_registry_of_the_definition_may_stand_for_this_machines_own_and_that_is_told(
    desk: Desk, meddled: RunningRegistry
) -> None:
    image = await put_image(desk.registry, repository := new_repository(), "latest")
    outputs = await desk.push(image=f"{name_of(repository)}:latest", registry="azurecr.io")
    assert (outputs["registry"], outputs["instead_of"]) == ("local", "azurecr.io")
    pushed = f"acme/azurecr.io/{name_of(repository)}"
    assert outputs["repository"] == f"{meddled.host}/{pushed}"
    assert outputs["sent"] == 0, "within one registry, blobs are mounted"
    assert await everything(desk.registry, pushed, image)
    by_name = await desk.push(image=f"azurecr.io/{name_of(repository)}:latest", registry="local/copies")
    assert by_name["repository"] == f"{meddled.host}/acme/copies/{name_of(repository)}"
    by_reference = await desk.push(image=outputs["reference"], registry="local", tags=["again"])
    assert by_reference["repository"] == outputs["repository"]


async def test_a_reference_stays_good_when_the_host_comes_back_at_another_address(
    desk: Desk, meddled: RunningRegistry, tmp_path: Path
) -> None:
    image = await put_image(desk.registry, repository := new_repository(), "latest")
    before = local_place(tmp_path, "http://127.0.0.1:1")
    now = local_place(tmp_path, meddled.url)
    assert now == local_place(tmp_path, meddled.url)
    build = BuildRegistry(replace(now, login=meddled.login), EGRESS)
    repositories = Repositories(Operators(build, build), EGRESS)
    reference = parse_image(f"{before.host}/{repository}@{image.digest}")
    found = await repositories.find(ACME, reference, execution_id=EXECUTION)
    assert found.repository.path == f"{meddled.host}/{repository}"
    await repositories.aclose()


async def test_a_dry_run_says_where_it_would_go_and_asks_nobody(desk: Desk, meddler: Meddler) -> None:
    push = PushToRegistry(desk.repositories)
    given: Any = push.Parameters.model_validate(
        {"image": "app:1", "registry": "azurecr.io", "username": "ci", "password": "s3cret"}
    )
    seen = await push.dry_run(given, desk.context)
    assert isinstance(seen, Foreseen)
    assert seen.would["registry"] == "local"
    assert seen.would["instead_of"] == "azurecr.io"
    assert seen.would["repository"].endswith("/acme/azurecr.io/app")
    assert "s3cret" not in json.dumps(dict(seen.would))
    assert meddler.asked == []


async def test_undoing_removes_new_tags_and_puts_old_ones_back(
    desk: Desk, elsewhere: Registry, running: RunningRegistry
) -> None:
    repository = new_repository()
    pushed = f"undone/{name_of(repository)}"
    parameters = {"image": name_of(repository), "registry": f"{running.host}/undone", **sign_in(running)}
    old = await put_image(desk.registry, repository, "latest")
    await desk.push(**parameters)
    await put_image(desk.registry, repository, "latest")
    outputs = await desk.push(**parameters, tags=["latest", "new"])
    assert outputs["tags"] == {"latest": old.digest, "new": None}
    given: dict[str, Any] = {**outputs, **sign_in(running)}
    restore = RestoreTags(desk.repositories)
    for _ in range(2):
        done = await restore.run(
            restore.Parameters.model_validate(  # type: ignore[arg-type]  # of its own Parameters
                {name: given[name] for name in restore.Parameters.model_fields if name in given}
            ),
            desk.context,
        )
        assert isinstance(done, Completed)
        assert done.outputs["tags"] == {"latest": "restored", "new": "removed"}
    assert await elsewhere.digest(pushed, "latest") == old.digest
    assert await elsewhere.digest(pushed, "new") is None


async def test_undoing_leaves_what_somebody_has_set_since_and_keeps_what_was_there(desk: Desk) -> None:
    image = await put_image(desk.registry, repository := new_repository(), "a", "b")
    outputs = await desk.push(image=f"{name_of(repository)}:a", registry="local", tags=["a", "c"])
    other = await put_image(desk.registry, repository, "c")
    assert await desk.undo(outputs) == {"a": "kept", "c": "left"}
    assert await desk.registry.digest(repository, "a") == image.digest
    assert await desk.registry.digest(repository, "c") == other.digest


async def test_a_push_that_fails_half_way_leaves_no_tag_behind(desk: Desk, meddler: Meddler) -> None:
    await put_image(desk.registry, repository := new_repository(), "latest")
    meddler.answers.append(("PUT", "/manifests/second", Response(status_code=403)))
    with pytest.raises(ActionError, match=r"putting .*:second") as caught:
        await desk.push(image=name_of(repository), registry="azurecr.io", tags=["first", "second", "third"])
    assert caught.value.code == "REGISTRY_DENIED"
    assert list(await desk.registry.tags(f"acme/azurecr.io/{name_of(repository)}")) == []


async def test_what_could_not_be_put_back_is_told(desk: Desk, meddler: Meddler) -> None:
    await put_image(desk.registry, repository := new_repository(), "latest")
    meddler.answers += [
        ("PUT", "/manifests/second", Response(status_code=403)),
        ("DELETE", "/manifests/first", Response(status_code=403)),
    ]
    with pytest.raises(ActionError, match=r"could not be put back: removing .*:first"):
        await desk.push(image=name_of(repository), registry="azurecr.io", tags=["first", "second"])


async def test_a_cancelled_push_takes_its_tags_back_and_one_broken_off_before_has_none(desk: Desk) -> None:
    await put_image(desk.registry, repository := new_repository(), "latest")
    push = PushToRegistry(desk.repositories)
    given: Any = push.Parameters.model_validate({"image": name_of(repository), "registry": "azurecr.io"})
    pending = await push.run(given, desk.context)
    await push.cancel(None, given, desk.context)
    await push.poll(pending.token, given, desk.context)
    pushed = f"acme/azurecr.io/{name_of(repository)}"
    assert list(await desk.registry.tags(pushed)) == ["latest"]
    await push.cancel(pending.token, given, desk.context)
    assert list(await desk.registry.tags(pushed)) == []
    assert push.gives_up


@pytest.mark.parametrize(
    ("image", "code"),
    [
        ("{host}/other/app:1", "IMAGE_DENIED"),
        ("{host}/app:1", "IMAGE_DENIED"),
        ("{host}/acmee/app", "IMAGE_DENIED"),
        ("contexts:1", "IMAGE_NAME"),
        ("{host}/acme/contexts", "IMAGE_NAME"),
        ("nothing-built:1", "IMAGE_NOT_FOUND"),
        ("azurecr.io/nothing:1", "IMAGE_NOT_FOUND"),
    ],
)
async def test_no_tenant_names_anothers_images_nor_what_is_not_there(
    desk: Desk, meddled: RunningRegistry, image: str, code: str
) -> None:
    await put_image(desk.registry, "other/app", "1")
    with pytest.raises(ActionError) as caught:
        await desk.push(image=image.format(host=meddled.host), registry="local")
    assert (caught.value.code, caught.value.retryable) == (code, False)


@pytest.mark.parametrize("registry", ["local", "{host}", "azurecr.io", "{host}/other"])
async def test_nothing_is_pushed_into_another_tenants_folder(
    desk: Desk, meddled: RunningRegistry, registry: str
) -> None:
    await put_image(desk.registry, repository := new_repository(), "latest")
    outputs = await desk.push(image=name_of(repository), registry=registry.format(host=meddled.host))
    assert outputs["repository"].startswith(f"{meddled.host}/acme/")


async def test_nothing_is_pushed_among_the_build_contexts(desk: Desk) -> None:
    await put_image(desk.registry, repository := new_repository(), "latest")
    with pytest.raises(ActionError) as caught:
        await desk.push(image=name_of(repository), registry="local/contexts")
    assert caught.value.code == "IMAGE_NAME"


async def test_undoing_reaches_no_other_tenants_tags(desk: Desk, meddled: RunningRegistry) -> None:
    image = await put_image(desk.registry, "other/app", "v1")
    outputs = {"repository": f"{meddled.host}/other/app", "digest": image.digest, "tags": {"v1": None}}
    with pytest.raises(ActionError) as caught:
        await desk.undo({**outputs, "is_new": True})
    assert caught.value.code == "IMAGE_DENIED"
    assert await desk.registry.digest("other/app", "v1") == image.digest


async def test_a_password_goes_to_the_registry_that_it_is_for_and_to_no_other(
    desk: Desk, local: RunningRegistry, meddler: Meddler
) -> None:
    await put_image(desk.registry, repository := new_repository(), "latest")
    meddler.authorizations.clear()
    assert local.login is not None
    await desk.push(image=name_of(repository), registry=f"{local.host}/x", **sign_in(local))
    secret = base64.b64encode(f"{local.login.username}:{local.login.password}".encode()).decode()
    assert meddler.authorizations
    assert not any(secret in one for one in meddler.authorizations)


async def test_the_build_registry_is_reached_although_steps_may_not_reach_it(
    meddled: RunningRegistry, context: ActionContext
) -> None:
    build = BuildRegistry(RegistryPlace(meddled.host, meddled.url, meddled.login), EgressPolicy())
    repositories = Repositories(Operators(build), EgressPolicy())
    image = await put_image(build.registry, repository := new_repository(), "latest")
    desk = Desk(build, repositories, context)
    outputs = await desk.push(image=name_of(repository), registry=meddled.host, tags=["1"])
    assert (outputs["digest"], outputs["repository"]) == (image.digest, f"{meddled.host}/{repository}")
    host, _, port = meddled.host.rpartition(":")
    for elsewhere in (f"{host}:{int(port) + 1}", f"localhost:{port}", "127.0.0.2:80"):
        with pytest.raises(ActionError, match="loopback address"):
            await desk.push(image=name_of(repository), registry=elsewhere)
    await repositories.aclose()


async def test_without_a_build_registry_the_step_says_what_is_missing(context: ActionContext) -> None:
    push = PushToRegistry(NO_REPOSITORIES)
    given: Any = push.Parameters.model_validate({"image": "app", "registry": "ghcr.io"})
    with pytest.raises(ActionError, match="QUANTUM_BUILD_REGISTRY") as caught:
        await push.run(given, context)
    assert caught.value.code == "NO_BUILD_REGISTRY"


async def test_a_registry_inside_is_refused_also_in_a_dry_run(context: ActionContext) -> None:
    push = PushToRegistry(NO_REPOSITORIES)
    given: Any = push.Parameters.model_validate({"image": "app", "registry": "10.0.0.1:5000"})
    with pytest.raises(ActionError, match="private address") as caught:
        await push.dry_run(given, context)
    assert caught.value.code == "EGRESS_REFUSED"


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"image": "App"}, "is named by"),
        ({"image": "app:"}, "a tag is"),
        ({"registry": "https://ghcr.io"}, "a registry is"),
        ({"registry": "ghcr.io/UPPER"}, "stands a path"),
        ({"registry": ""}, "a registry is"),
        ({"tags": ["-"]}, "a tag is"),
        ({"tags": ["x"] * 51}, "at most 50"),
        ({"username": "ci"}, "together"),
        ({"speed": 1}, "Extra inputs"),
    ],
)
def test_what_cannot_be_pushed_is_refused_when_it_is_written(parameters: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        PushToRegistry.Parameters.model_validate({"image": "app", "registry": "ghcr.io", **parameters})


def test_the_tag_of_an_execution_is_a_tag_however_long_the_other_is() -> None:
    short, long = execution_tag(EXECUTION, "1.4"), execution_tag(EXECUTION, "x" * 128)
    assert short == f"{EXECUTION}.1.4"
    assert len(long) <= 128
    assert long != execution_tag(EXECUTION, "x" * 127 + "y")
    parse_image(f"app:{long}")
