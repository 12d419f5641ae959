import gzip
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from localhost.sqlite.documents import SqliteDocuments
from quantum.contract.contexts import BuildContext
from shared.domain.contexts import KEPT
from tests.http.conftest import local
from tests.http.harness import KEPT_CONTEXTS, Identity, Stage, World
from tests.stores import BOTH_STORES

ARCHIVE = gzip.compress(b"an archive", mtime=0)
DIGEST = f"sha256:{hashlib.sha256(ARCHIVE).hexdigest()}"
GZIP = {"Content-Type": "application/gzip"}


async def _upload(world: World, content: Any = ARCHIVE, *, user: str = "author", **headers: str) -> Any:
    return await world.send(user, "POST", "/contexts", content=content, headers=GZIP | headers)


async def _audited(world: World) -> list[dict[str, Any]]:
    found = await world.send("auditor", "GET", "/audit", params={"action": "context.upload"})
    return list(found.json()["items"])


@BOTH_STORES
async def test_an_archive_is_kept_and_answered_with_what_a_step_calls_it(stage: Stage) -> None:
    first = await _upload(stage.world)
    assert first.status_code == 201, first.text
    shown = BuildContext.model_validate(first.json())
    assert (shown.reference, shown.size, shown.created_by) == (
        f"upload:{DIGEST}",
        len(ARCHIVE),
        "author@acme",
    )
    stage.clock.advance(60)
    again = BuildContext.model_validate((await _upload(stage.world, user="operator")).json())
    assert again.created_at == shown.created_at
    assert again.expires_at > shown.expires_at
    assert [record["after"]["digest"] for record in await _audited(stage.world)] == [DIGEST, DIGEST]


async def test_what_comes_in_pieces_is_kept_whole(world: World) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(ARCHIVE), 3):
            yield ARCHIVE[at : at + 3]

    assert (await _upload(world, pieces())).json()["reference"] == f"upload:{DIGEST}"


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"no archive", {}, 422, "VALIDATION_FAILED"),
        (b"", {}, 422, "VALIDATION_FAILED"),
        (ARCHIVE, {"Content-Type": "application/json"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"\x1f\x8b" + bytes(2000), {}, 413, "TOO_LARGE"),
    ],
    ids=["none", "empty", "json", "large"],
)
async def test_what_is_no_archive_or_too_large_is_refused_and_nothing_is_left(
    data: Path,
    identity: Identity,
    content: bytes,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    async with local(SqliteDocuments, data, identity, max_context_bytes=1024) as world:
        response = await _upload(world, content, **headers)
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert not await _audited(world)


async def test_a_platform_without_a_registry_says_what_is_missing(data: Path, identity: Identity) -> None:
    async with local(SqliteDocuments, data, identity, contexts=None) as world:
        response = await _upload(world)
        assert (response.status_code, response.json()["code"]) == (409, "CONFLICT")
        assert "QUANTUM_BUILD_REGISTRY" in response.json()["detail"]


def _now(stage: Stage) -> dict[str, str]:
    """A token of the time that the platform has."""
    token = stage.world.token("author", now=stage.clock.now().timestamp())
    return {"Authorization": f"Bearer {token}"}


@BOTH_STORES
async def test_an_archive_whose_time_is_over_is_forgotten_and_one_that_was_uploaded_again_is_not(
    stage: Stage,
) -> None:
    other = gzip.compress(b"another", mtime=0)
    for content in (ARCHIVE, other):
        assert (await _upload(stage.world, content)).status_code == 201
    service = stage.world.platform.build_contexts
    stage.clock.advance((KEPT - timedelta(hours=1)).total_seconds())
    assert (await _upload(stage.world, other, **_now(stage))).status_code == 201
    assert await service.forget_expired() == 0
    stage.clock.advance(3601)
    assert await service.forget_expired() == 1
    assert ("acme", DIGEST) not in KEPT_CONTEXTS.kept
    assert ("acme", f"sha256:{hashlib.sha256(other).hexdigest()}") in KEPT_CONTEXTS.kept
    assert await service.forget_expired() == 0
    assert (await _upload(stage.world, **_now(stage))).status_code == 201
