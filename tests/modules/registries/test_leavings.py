"""What executions left in the build registry goes, and nothing that anybody needs, with every registry."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.responses import Response

from shared.domain.errors import UnavailableError
from shared.domain.ids import ulid
from shared.modules.containers.registry.build_registry import BuildRegistry, execution_tag
from shared.modules.containers.registry.leavings import SETTLED, RegistryLeavings
from shared.modules.containers.registry.manifests import Manifest
from shared.modules.containers.registry.marks import execution_of, is_hold
from shared.modules.containers.registry.patience import Pace
from shared.modules.containers.registry.repositories import Operators, Repositories
from shared.modules.containers.registry.sending import Connections
from shared.ports.leavings import CannotClearError
from shared.security.scope import TenantScope
from tests.fakes.clock import FrozenClock
from tests.modules.registries.images import new_repository
from tests.modules.registries.leaving import ACME, Repository, execution
from tests.registries import EGRESS, EVERY_REGISTRY, OPENINGS, Meddler, RunningRegistry

ONE, TWO, THREE = execution(1), execution(2), execution(3)
OWN = "local, by itself"
KINDS = [OWN, *EVERY_REGISTRY]


@pytest.fixture(scope="session", params=KINDS)
def kind(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, RunningRegistry]]:
    name = "local" if request.param == OWN else request.param
    with OPENINGS[name](tmp_path_factory.mktemp("leavings")) as running:
        yield request.param, running


def generic(
    running: RunningRegistry, now: Callable[[], datetime] | None = None
) -> tuple[RegistryLeavings, Repositories]:
    build = BuildRegistry(running.place, EGRESS, pace=Pace(pause=0, failures=1))
    repositories = Repositories(Operators(build), EGRESS)
    return RegistryLeavings(repositories, now or FrozenClock().now), repositories


@pytest.fixture
async def repository(
    kind: tuple[str, RunningRegistry], connections: Connections
) -> AsyncIterator[Repository]:
    name, running = kind
    leavings, repositories = generic(running)
    own = running.leavings if name == OWN else None
    yield Repository(own or leavings, running.client(connections), new_repository())
    await repositories.aclose()


async def test_what_an_execution_left_goes_and_the_tag_that_was_asked_for_stays(
    repository: Repository,
) -> None:
    image = await repository.build(ONE, "a", "1")
    repository.gone = {ONE}
    assert await repository.clear() == 2
    assert await repository.tags() == {"1": image.digest}
    assert await repository.clear() == 0


async def test_an_image_goes_with_the_last_that_needs_it(repository: Repository) -> None:
    old = await repository.build(ONE, "a", "latest")
    new = await repository.build(TWO, "b", "latest")
    await repository.build(THREE, "b", "other")
    repository.gone = {ONE}
    await repository.clear()
    assert [await repository.has(one) for one in (old, new)] == [False, True]
    repository.gone = {ONE, TWO}
    await repository.clear()
    assert set(await repository.tags()) == {
        *("latest", "other", execution_tag(THREE, "other"), execution_tag(THREE, "build-1"))
    }


async def test_what_is_being_built_again_is_needed_before_it_has_a_tag(repository: Repository) -> None:
    image = await repository.build(ONE, "a", "1")
    await repository.record(image, execution_tag(TWO, "build-1"), log="again")
    await repository.untag("1")
    repository.gone = {ONE}
    await repository.clear()
    assert await repository.has(image)
    repository.gone = {ONE, TWO}
    await repository.clear()
    assert not await repository.has(image)
    assert await repository.tags() == {}


async def test_an_image_whose_build_was_undone_is_found_by_its_record(repository: Repository) -> None:
    image = await repository.build(ONE, "a", "1")
    await repository.untag("1")
    await repository.untag(execution_tag(ONE, "1"))
    assert await repository.has(image)
    repository.gone = {ONE}
    await repository.clear()
    assert not await repository.has(image)


async def test_what_a_deployment_holds_stays_until_another_takes_its_place(repository: Repository) -> None:
    image = await repository.build(ONE, "a", "latest")
    await repository.deploy("cluster/production/web", image)
    newer = await repository.build(TWO, "b", "latest")
    repository.gone = {ONE}
    for _ in range(2):
        await repository.clear()
        assert await repository.has(image)
    await repository.deploy("cluster/production/web", newer)
    await repository.clear()
    assert not await repository.has(image)
    assert await repository.has(newer)


async def test_what_an_index_is_made_of_stays_with_it(repository: Repository) -> None:
    image = await repository.build(ONE, "a", "1")
    index = await repository.index([image], "all")
    await repository.untag("1")
    repository.gone = {ONE}
    await repository.clear()
    assert await repository.has(image)
    assert await repository.tags() == {"all": index.digest}


async def test_tags_that_look_like_an_executions_and_are_not_stay(repository: Repository) -> None:
    tags = ("1", f"{ONE}", f"{ONE}-1", f"x{ONE}.1", f"{ONE.lower()}.1")
    image = await repository.image("a", *tags)
    repository.gone = {ONE}
    assert await repository.clear() == 0
    assert await repository.tags() == dict.fromkeys(sorted(tags), image.digest)


async def test_a_repository_that_there_is_not_and_one_of_another_tenant(repository: Repository) -> None:
    repository.gone = {ONE}
    assert await repository.clear() == 0
    repository.name = "globex/app"
    with pytest.raises(ValueError, match="globex/app is not acme's"):
        await repository.clear()


async def test_repositories_are_listed_in_order(
    repository: Repository, kind: tuple[str, RunningRegistry]
) -> None:
    for name in ("acme/listed/b", "acme/listed/a", "acmee/listed"):
        repository.name = name
        await repository.image("a", "1")
    found = [one async for one in repository.leavings.repositories(ACME) if "/listed" in one]
    if kind[0] == "local":  # over HTTP it lists none, for it clears itself
        assert found == []
        return
    assert found == ["acme/listed/a", "acme/listed/b"]


EXECUTIONS = st.sampled_from([execution(number) for number in range(4)])
CONTENTS, TAGS = st.sampled_from("abc"), st.sampled_from(["1", "latest"])
PLACES = st.sampled_from(["x", "y"])
ACTS = st.one_of(
    st.tuples(st.just("build"), EXECUTIONS, CONTENTS, TAGS),
    st.tuples(st.just("record"), EXECUTIONS, CONTENTS),
    st.tuples(st.just("undo"), EXECUTIONS, TAGS),
    st.tuples(st.just("deploy"), PLACES, CONTENTS),
    st.tuples(st.just("index"), st.sets(CONTENTS, min_size=1)),
    st.tuples(st.just("clear"), st.sets(EXECUTIONS), st.integers(0, 2)),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(ACTS, min_size=2, max_size=10), gone=st.sets(EXECUTIONS))
async def test_whatever_was_done_nothing_that_is_needed_goes_and_nothing_else_stays(
    repository: Repository, acts: list[Any], gone: set[str]
) -> None:
    repository.name = new_repository()
    for act in acts:
        await do(repository, act)
    before, repository.gone = await standing(repository), gone
    await repository.clear()
    after = await standing(repository)
    live = {tag for tag in before if execution_of(tag) not in gone}
    assert {tag: before[tag] for tag in live} == {tag: after[tag] for tag in live}
    needed = {digest for tag in live for digest in before[tag]}
    held = {digest for tag in before if is_hold(tag) for digest in before[tag]}
    for digest in needed:
        assert await repository.registry.digest(repository.name, digest) == digest
    for tag in before.keys() - live:
        if held.isdisjoint(before[tag]):
            assert tag not in after
            for digest in set(before[tag]) - needed:
                assert await repository.registry.digest(repository.name, digest) is None
        else:
            assert after[tag] == before[tag]


async def do(repository: Repository, act: Any) -> None:
    match act:
        case "build", by, content, tag:
            await repository.build(by, content, tag)
        case "record", by, content:
            image = await repository.image(content)
            await repository.record(image, execution_tag(by, "build-2"), log=by)
        case "undo", by, tag:
            await repository.image("undone", tag)
            if execution_tag(by, tag) in await repository.tags():
                await repository.untag(execution_tag(by, tag))
        case "deploy", place, content:
            await repository.deploy(place, await repository.image(content))
        case "index", contents:
            images = [await repository.image(one) for one in sorted(contents)]
            await repository.index(images, f"all-{''.join(sorted(contents))}")
        case "clear", gone, chances:
            repository.gone = gone
            await repository.clear(chances=chances)


async def standing(repository: Repository) -> dict[str, tuple[str, ...]]:
    """Every tag, with the digests of what it stands for and needs."""
    found: dict[str, tuple[str, ...]] = {}
    for tag in await repository.registry.tags(repository.name):
        manifest = await repository.registry.manifest(repository.name, tag)
        assert isinstance(manifest, Manifest)
        parts = [one.digest for one in manifest.manifests]
        found[tag] = (manifest.digest, *manifest.subjects, *parts)
    return found


@pytest.mark.parametrize("status", [503, 403])
@pytest.mark.parametrize("nth", range(12))
async def test_a_registry_that_fails_in_the_middle_is_gone_on_with(
    meddled: RunningRegistry, meddler: Meddler, connections: Connections, nth: int, status: int
) -> None:
    leavings, repositories = generic(meddled)
    repository = Repository(leavings, meddled.client(connections), new_repository())
    kept = await repository.build(ONE, "a", "1")
    gone = await repository.build(TWO, "b", "2")
    await repository.untag("2")
    repository.gone = {ONE, TWO}
    meddler.fails = (nth, status)
    with suppress(UnavailableError, CannotClearError):
        await repository.clear()
    meddler.fails = None
    assert await repository.has(kept)
    await repository.clear()
    assert await repository.tags() == {"1": kept.digest}
    assert not await repository.has(gone)
    await repositories.aclose()


@pytest.mark.parametrize("what", ["build", "deployment"])
async def test_what_comes_to_the_same_image_while_it_is_cleared_keeps_it(
    meddled: RunningRegistry, meddler: Meddler, connections: Connections, what: str
) -> None:
    leavings, repositories = generic(meddled)
    repository = Repository(leavings, meddled.client(connections), new_repository())
    image, other = await repository.build(ONE, "a", "1"), await repository.build(THREE, "b", "1")
    await repository.deploy("place", other)
    repository.gone = {ONE}

    async def again() -> None:
        own = Connections(EGRESS)
        same = Repository(leavings, meddled.client(own), repository.name)
        if what == "build":
            await same.build(TWO, "a", "2")
        else:
            await same.deploy("place", image)
        await own.aclose()

    meddler.before["GET", f"/v2/{repository.name}/manifests/{execution_tag(ONE, '1')}"] = lambda: asyncio.run(
        again()
    )
    before = await repository.tags()
    await repository.clear()
    assert meddler.before == {}
    after = await repository.tags()
    assert await repository.has(image)
    if what == "build":
        assert {after[execution_tag(TWO, "2")], after["2"]} == {image.digest}
    else:
        assert after[execution_tag(ONE, "1")] == before[execution_tag(ONE, "1")]
    await repositories.aclose()


async def test_what_executions_of_long_ago_have_is_asked_once_and_what_others_have_each_time(
    meddled: RunningRegistry, meddler: Meddler, connections: Connections
) -> None:
    clock = FrozenClock()
    clock.advance(2 * SETTLED.total_seconds())
    leavings, repositories = generic(meddled, clock.now)
    repository = Repository(leavings, meddled.client(connections), new_repository())
    young = ulid(clock.now(), bytes(10))
    for by in (ONE, TWO, THREE, young):
        await repository.build(by, by, "1")
    for gone in (ONE, TWO):
        repository.gone.add(gone)
        meddler.asked.clear()
        await repository.clear()
    asked = [path.rpartition("/")[2] for method, path in meddler.asked if method == "GET"]
    assert execution_tag(young, "1") in asked
    assert "1" in asked
    assert execution_tag(THREE, "1") not in asked
    assert set(await repository.tags()) == {
        *("1", execution_tag(THREE, "1"), execution_tag(THREE, "build-1")),
        *(execution_tag(young, "1"), execution_tag(young, "build-1")),
    }
    await repositories.aclose()


async def test_a_manifest_of_a_kind_that_is_not_known_holds_up_nothing_and_stays(
    meddled: RunningRegistry, meddler: Meddler, connections: Connections
) -> None:
    leavings, repositories = generic(meddled)
    repository = Repository(leavings, meddled.client(connections), new_repository())
    image = await repository.build(ONE, "a", "odd")
    odd = Response(b"{}", media_type="application/x-odd")
    meddler.answers.append(("GET", f"/v2/{repository.name}/manifests/odd", odd))
    repository.gone = {ONE}
    await repository.clear()
    assert meddler.answers == []
    assert await repository.tags() == {"odd": image.digest}
    await repositories.aclose()


async def test_of_a_tenant_that_is_erased_nothing_stays_that_a_tag_or_a_record_tells_of(
    kind: tuple[str, RunningRegistry], connections: Connections
) -> None:
    name, running = kind
    if name != "debian":
        pytest.skip("the local registry lists no repositories over HTTP: its tenants are erased in its files")
    leavings, repositories = generic(running)
    repository = Repository(leavings, running.client(connections), "erased/deep/app")
    undone, image = await repository.build(ONE, "a", "1"), await repository.build(TWO, "b", "2")
    for tag in ("1", execution_tag(ONE, "1")):
        await repository.untag(tag)
    other = Repository(leavings, repository.registry, "erasedd/app")
    theirs = await other.build(ONE, "a", "1")
    await repositories.build.forget(TenantScope("erased"))
    assert await repository.tags() == {}
    assert [await repository.has(one) for one in (undone, image)] == [False, False]
    assert await other.has(theirs)
    await repositories.aclose()
