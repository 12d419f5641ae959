"""Registries that refuse, die half way, lie, are busy or forget who one is."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from localhost.http.server import bind
from shared.modules.containers.registry.manifests import OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Descriptor
from shared.modules.containers.registry.patience import MIB, Pace
from shared.modules.containers.registry.registries import Registry
from shared.modules.containers.registry.sending import Connections
from shared.ports.actions import ActionError
from shared.ports.registries import Login
from tests.modules.registries.images import new_repository, pieces_of, put_image
from tests.registries import Line, Meddler, RunningRegistry, line_to, noise, served

TRIES = Pace().failures


@pytest.fixture
def by_line(running: RunningRegistry, line: Line, connections: Connections) -> Registry:
    """The registry at the other end of a bad line."""
    return replace(running, host=f"127.0.0.1:{line.port}").client(connections)


@pytest.fixture
def registry(meddled: RunningRegistry, connections: Connections) -> Registry:
    return meddled.client(connections)


def refusal(status: int, code: str = "", message: str = "", **headers: str) -> Response:
    body = json.dumps({"errors": [{"code": code, "message": message}]} if code else {})
    return Response(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


async def blobs_of(registry: Registry, reference: str) -> int:
    found = await registry.manifest(new_repository(), reference)
    return len(found.blobs) if found else 0


async def read(registry: Registry, repository: str, blob: Descriptor) -> bytes:
    return b"".join([piece async for piece in registry.blob(repository, blob)])


async def test_an_upload_whose_connection_breaks_arrives(by_line: Registry, line: Line) -> None:
    """Debian's has forgotten the whole upload after a chunk that broke off, and gets it anew."""
    repository, content = new_repository(), noise(6 * MIB)
    blob = Descriptor.of(content, OCI_LAYER)
    line.cuts += [3 * MIB + 5, 1_500_000]
    await by_line.put_blob(repository, blob, pieces_of(content))
    assert line.broken == 2
    assert await read(by_line, repository, blob) == content


async def test_an_upload_goes_on_where_the_connection_broke(
    local: RunningRegistry, connections: Connections
) -> None:
    repository, content = new_repository(), noise(6 * MIB)
    blob = Descriptor.of(content, OCI_LAYER)
    asked: list[int] = []

    def source(offset: int) -> AsyncIterator[bytes]:
        asked.append(offset)
        return pieces_of(content)(offset)

    with line_to(local.host) as line:
        line.cuts += [3 * MIB + 5, 1_500_000]
        registry = replace(local, host=f"127.0.0.1:{line.port}").client(connections)
        await registry.put_blob(repository, blob, source)
        assert line.broken == 2
    assert len(asked) >= 2
    assert all(offset > 0 for offset in asked[1:]), asked
    assert await read(local.client(connections), repository, blob) == content


async def test_a_small_blob_whose_connection_broke_is_sent_again(by_line: Registry, line: Line) -> None:
    repository, content = new_repository(), noise(MIB)
    blob = Descriptor.of(content, OCI_LAYER)
    line.cuts.append(MIB // 2)
    await by_line.put_blob(repository, blob, content)
    assert line.broken == 1
    assert await read(by_line, repository, blob) == content


async def test_a_download_goes_on_where_the_connection_broke(
    by_line: Registry, line: Line, running: RunningRegistry, connections: Connections
) -> None:
    repository, content = new_repository(), noise(6 * MIB)
    blob = Descriptor.of(content, OCI_LAYER)
    await running.client(connections).put_blob(repository, blob, content)
    line.cuts += [-2 * MIB, -3 * MIB]
    assert await read(by_line, repository, blob) == content
    assert line.broken == 2


async def test_a_connection_that_breaks_each_time_without_a_byte_more_is_a_failure_to_be_tried_again(
    by_line: Registry, line: Line
) -> None:
    line.refuses = True
    with pytest.raises(ActionError) as caught:
        await by_line.put_blob(new_repository(), Descriptor.of(b"x", OCI_LAYER), b"x")
    assert (caught.value.code, caught.value.retryable) == ("REGISTRY_UNREACHABLE", True)


async def test_a_source_that_fails_is_not_asked_again_and_again(registry: Registry, meddler: Meddler) -> None:
    content = noise(3 * MIB)
    asked: list[int] = []

    async def source(offset: int) -> AsyncIterator[bytes]:
        asked.append(offset)
        yield content[:1000]
        raise ActionError("REGISTRY_UNREACHABLE", "the source is away", retryable=True)

    for size in (len(content), 2 * MIB, MIB - 1):
        blob = Descriptor.of(content[:size], OCI_LAYER)
        with pytest.raises(ActionError, match="the source is away"):
            await registry.put_blob(new_repository(), blob, source)
        assert meddler.asked[-1][0] == "DELETE"
    assert asked == [0, 0, 0]


async def test_a_blob_that_is_away_is_asked_for_some_times(registry: Registry, meddler: Meddler) -> None:
    repository, content = new_repository(), noise(100)
    blob = Descriptor.of(content, OCI_LAYER)
    await registry.put_blob(repository, blob, content)
    meddler.answers += [("GET", blob.digest, refusal(503))] * 20
    with pytest.raises(ActionError, match="503"):
        await read(registry, repository, blob)
    assert len(meddler.answers) == 20 - TRIES


async def test_a_name_that_does_not_exist_is_said_to_be_unreachable(connections: Connections) -> None:
    with pytest.raises(ActionError, match=r"asking no\.such\.invalid: ") as caught:
        await Registry(connections, "no.such.invalid", pace=Pace(pause=0)).ping()
    assert (caught.value.code, caught.value.retryable) == ("REGISTRY_UNREACHABLE", True)


@pytest.mark.parametrize(
    ("answer", "code", "retryable", "says"),
    [
        (refusal(403, "DENIED", "not you"), "REGISTRY_DENIED", False, "DENIED: not you"),
        (refusal(403, "DENIED", "storage quota exceeded"), "REGISTRY_QUOTA", False, "no room"),
        (refusal(413), "REGISTRY_QUOTA", False, "no room"),
        (refusal(507), "REGISTRY_QUOTA", False, "no room"),
        (refusal(404, "NAME_UNKNOWN"), "REGISTRY_NOT_FOUND", False, "NAME_UNKNOWN"),
        (refusal(405, "UNSUPPORTED"), "REGISTRY_REFUSED", False, "UNSUPPORTED"),
        (refusal(503), "REGISTRY_UNAVAILABLE", True, "503"),
        (refusal(429, "TOOMANYREQUESTS", retry_after="70"), "REGISTRY_BUSY", True, "429"),
        (Response("x" * 100_000, 500), "REGISTRY_UNAVAILABLE", True, "500"),
        (Response(b"\x00\xff{", 400), "REGISTRY_REFUSED", False, "400"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_a_refusal_says_who_refused_what_and_why(
    registry: Registry, meddler: Meddler, answer: Response, code: str, retryable: bool, says: str
) -> None:
    image = await put_image(registry, repository := new_repository())
    meddler.answers += [("PUT", "/manifests/v1", answer)] * TRIES
    with pytest.raises(ActionError) as caught:
        await registry.put_manifest(repository, image, "v1")
    error = caught.value
    assert (error.code, error.retryable) == (code, retryable)
    assert f"putting {repository}:v1 to 127.0.0.1" in error.message
    assert says in error.message
    assert error.retry_after == (70 if code == "REGISTRY_BUSY" else 0)


async def test_what_may_pass_is_tried_again_before_it_is_a_failure(
    registry: Registry, meddler: Meddler
) -> None:
    image = await put_image(registry, repository := new_repository())
    for status in (502, 503, 429):
        meddler.answers.append(("PUT", "/manifests/v1", refusal(status)))
    await registry.put_manifest(repository, image, "v1")
    assert await registry.digest(repository, "v1") == image.digest


async def test_a_busy_registry_in_the_middle_of_a_blob_is_waited_for(
    registry: Registry, meddler: Meddler
) -> None:
    repository, content = new_repository(), noise(3 * MIB)
    blob = Descriptor.of(content, OCI_LAYER)
    meddler.answers += [
        ("PATCH", "/uploads/", refusal(429, retry_after="0")),
        ("PATCH", "/uploads/", refusal(502)),
    ]
    await registry.put_blob(repository, blob, content)
    assert not meddler.answers
    assert await read(registry, repository, blob) == content


async def test_a_registry_that_asks_to_be_left_alone_for_long_is_left_to_the_steps_own_retry(
    registry: Registry, meddler: Meddler
) -> None:
    content = noise(3 * MIB)
    meddler.answers.append(("PATCH", "/uploads/", refusal(429, retry_after="600")))
    with pytest.raises(ActionError) as caught:
        await registry.put_blob(new_repository(), Descriptor.of(content, OCI_LAYER), content)
    assert (caught.value.code, caught.value.retry_after) == ("REGISTRY_BUSY", 600)
    assert meddler.asked[-1][0] == "DELETE", "the upload is abandoned, so that the registry can forget it"


@pytest.mark.parametrize(
    "answers",
    [
        [refusal(405, "UNSUPPORTED")],
        [refusal(400, "SIZE_INVALID")],
        [Response(status_code=202)] + [refusal(416)] * TRIES,
        [Response(status_code=202, headers={"range": "0-0"})] * TRIES,
        [Response(status_code=202, headers={"range": "0-999999999"})] * TRIES,
    ],
    ids=["none", "no-ranges", "one-chunk", "no-progress", "nonsense"],
)
async def test_a_registry_that_knows_no_chunks_gets_it_at_once(
    registry: Registry, meddler: Meddler, answers: list[Response]
) -> None:
    repository, content = new_repository(), noise(3 * MIB)
    blob = Descriptor.of(content, OCI_LAYER)
    meddler.answers += [("PATCH", "/uploads/", answer) for answer in answers]
    await registry.put_blob(repository, blob, content)
    assert await read(registry, repository, blob) == content


async def test_a_registry_that_lost_an_upload_gets_it_anew(registry: Registry, meddler: Meddler) -> None:
    repository, content = new_repository(), noise(3 * MIB)
    blob = Descriptor.of(content, OCI_LAYER)
    meddler.answers += [("PATCH", "/uploads/", refusal(502)), ("GET", "/uploads/", refusal(404))]
    await registry.put_blob(repository, blob, content)
    assert await read(registry, repository, blob) == content


async def test_a_registry_that_is_away_for_a_moment_is_waited_for(by_line: Registry, line: Line) -> None:
    repository, content = new_repository(), noise(4 * MIB)
    blob = Descriptor.of(content, OCI_LAYER)
    line.cuts.append(2 * MIB)
    line.refusals = 3
    await by_line.put_blob(repository, blob, content)
    assert (line.broken, line.refusals) == (1, 0)
    assert await read(by_line, repository, blob) == content


async def test_an_end_of_an_upload_whose_answer_was_lost_is_found_to_be_done(
    registry: Registry, meddler: Meddler
) -> None:
    repository, content = new_repository(), noise(2 * MIB)
    blob = Descriptor.of(content, OCI_LAYER)
    await registry.put_blob(repository, blob, content)
    meddler.answers += [("HEAD", blob.digest, refusal(404)), ("PUT", "/uploads/", refusal(504))]
    await registry.put_blob(repository, blob, content)
    assert ("HEAD", f"/v2/{repository}/blobs/{blob.digest}") in meddler.asked[-3:]


@pytest.mark.parametrize("damage", ["other", "longer"])
async def test_a_blob_that_is_not_what_it_should_be_fails_before_its_end(
    registry: Registry, meddler: Meddler, damage: str
) -> None:
    repository, content = new_repository(), noise(1000)
    blob = Descriptor.of(content, OCI_LAYER)
    await registry.put_blob(repository, blob, content)
    wrong = bytes(1000) if damage == "other" else content + b"x"
    meddler.answers.append(("GET", blob.digest, Response(wrong)))
    with pytest.raises(ActionError) as caught:
        await read(registry, repository, blob)
    assert (caught.value.code, caught.value.retryable) == ("DIGEST_MISMATCH", False)


async def test_blobs_may_be_elsewhere_where_they_are_read_on_and_nobody_gets_the_token(
    registry: Registry, meddler: Meddler
) -> None:
    """Clouds keep blobs in their storage, and send whoever reads them there."""
    repository, content = new_repository(), noise(1000)
    blob = Descriptor.of(content, OCI_LAYER)
    await registry.put_blob(repository, blob, content)
    seen: list[dict[str, str]] = []

    async def storage(request: Request) -> Response:
        seen.append(dict(request.headers))
        first = int(request.headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        return Response(content[first:], 206 if first else 200)

    listener = bind("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/signed"
    with served(Starlette(routes=[Route("/signed", storage)]), listener):
        meddler.answers += [
            ("GET", blob.digest, Response(status_code=307, headers={"location": address}))
        ] * 2
        assert await read(registry, repository, blob) == content
        rest = [piece async for piece in registry.blob(repository, blob, 900)]
    assert b"".join(rest) == content[900:]
    assert [headers.get("range") for headers in seen] == [None, "bytes=900-"]
    assert not any("authorization" in headers for headers in seen)


async def test_a_manifest_that_is_not_what_its_digest_says_is_refused(
    registry: Registry, meddler: Meddler
) -> None:
    image = await put_image(registry, repository := new_repository())
    other = Response(b'{"schemaVersion": 2}', headers={"content-type": OCI_MANIFEST})
    meddler.answers.append(("GET", image.digest, other))
    with pytest.raises(ActionError, match="damaged or was tampered with"):
        await registry.manifest(repository, image.digest)


@pytest.mark.parametrize(
    ("content", "kind", "says"),
    [
        (b"<html>", "text/html", "no image that is known here"),
        (b"x" * (5 * MIB), OCI_MANIFEST, "more than 4194304 bytes"),
        (b"[]", OCI_MANIFEST, "is no JSON object"),
        (b'{"schemaVersion": 1}', OCI_MANIFEST, "schema version 2"),
        (b'{"schemaVersion": 2, "config": {"digest": "x"}}', OCI_MANIFEST, "a descriptor has"),
        (b'{"schemaVersion": 2, "mediaType": "%b"}' % OCI_INDEX.encode(), OCI_MANIFEST, "something else"),
    ],
)
async def test_what_is_no_manifest_is_said_to_be_none(
    registry: Registry, meddler: Meddler, content: bytes, kind: str, says: str
) -> None:
    meddler.answers.append(("GET", "/manifests/v1", Response(content, headers={"content-type": kind})))
    with pytest.raises(ActionError, match=says) as caught:
        await blobs_of(registry, "v1")
    assert (caught.value.code, caught.value.retryable) == ("MANIFEST_INVALID", False)


async def test_a_token_that_is_good_no_more_in_the_middle_of_a_blob_is_replaced(
    registry: Registry, meddler: Meddler, meddled: RunningRegistry
) -> None:
    repository, content = new_repository(), noise(4 * MIB)
    blob = Descriptor.of(content, OCI_LAYER)
    challenge = f'Bearer realm="{meddled.url}/v2/token",service="quantum"'
    meddler.answers += [("PATCH", "/uploads/", refusal(401, www_authenticate=challenge))]
    await registry.put_blob(repository, blob, content)
    assert [path for _, path in meddler.asked].count("/v2/token") == 3  # to look, to push, and this one
    assert await read(registry, repository, blob) == content


async def test_a_wrong_password_is_said_to_be_wrong_and_told_to_nobody(
    meddled: RunningRegistry, connections: Connections
) -> None:
    registry = meddled.client(connections, Login("ada", "s3cret-and-wrong"))
    with pytest.raises(ActionError) as caught:
        await registry.tags("acme/app")
    assert (caught.value.code, caught.value.retryable) == ("REGISTRY_UNAUTHENTICATED", False)
    assert "s3cret" not in caught.value.message
    assert "s3cret" not in repr(registry.__dict__)


@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:99999999/", "http://[", "ftp://x/y", "http://u:p@127.0.0.1/"]
)
async def test_a_registry_that_leads_to_nowhere_is_said_to(
    registry: Registry, meddler: Meddler, location: str
) -> None:
    content = noise(100)
    blob = Descriptor.of(content, OCI_LAYER)
    meddler.answers.append(("POST", "/uploads/", Response(status_code=202, headers={"location": location})))
    with pytest.raises(ActionError, match="the registry leads to") as caught:
        await registry.put_blob(new_repository(), blob, content)
    assert (caught.value.code, caught.value.retryable) == ("REGISTRY_REFUSED", False)
    meddler.answers.append(
        ("GET", "/tags/list", Response("{}", headers={"link": f'<{location}>; rel="next"'}))
    )
    with pytest.raises(ActionError, match="the registry leads to"):
        await registry.tags(new_repository())


@pytest.mark.parametrize(
    "realm",
    ["http://tokens.example/token", "ftp://127.0.0.1/", "", "file:///etc/passwd", "https://x:99999999/"],
)
async def test_no_password_goes_anywhere_without_tls(
    registry: Registry, meddler: Meddler, realm: str
) -> None:
    challenge = f'Bearer realm="{realm}",service="x"'
    meddler.answers.append(("GET", "/v2/", refusal(401, www_authenticate=challenge)))
    with pytest.raises(ActionError, match="the registry wants a token from") as caught:
        await registry.ping()
    assert caught.value.code == "REGISTRY_TOKEN"


async def test_basic_authentication_is_used_where_it_is_asked_for(
    registry: Registry, meddler: Meddler
) -> None:
    meddler.answers += [
        ("GET", "/v2/", refusal(401, www_authenticate='Basic realm="x"')),
        ("GET", "/v2/", Response("{}")),
        ("GET", "/v2/", Response("{}")),
    ]
    await registry.ping()
    await registry.ping()
    assert [one.partition(" ")[0] for one in meddler.authorizations] == ["", "Basic", "Basic"]


async def test_an_upload_that_is_sent_elsewhere_takes_no_token_along(
    registry: Registry, meddler: Meddler, local: RunningRegistry
) -> None:
    content = noise(100)
    meddler.answers.append(
        ("POST", "/uploads/", Response(status_code=202, headers={"location": f"{local.url}/up?a=b"}))
    )
    with pytest.raises(ActionError):
        await registry.put_blob(new_repository(), Descriptor.of(content, OCI_LAYER), content)
    assert ("PUT", "/up") not in meddler.asked


async def test_a_registry_that_leads_inside_by_a_redirect_is_not_followed(
    meddler: Meddler, meddled: RunningRegistry
) -> None:
    from shared.security.egress import EgressPolicy

    narrow = Connections(EgressPolicy.allowing([meddled.host]))
    registry = meddled.client(narrow)
    meddler.answers.append(
        ("GET", "/v2/", Response(status_code=307, headers={"location": "http://127.0.0.1:1/"}))
    )
    with pytest.raises(ActionError, match="loopback address") as caught:
        await registry.ping()
    assert caught.value.code == "EGRESS_REFUSED"
    await narrow.aclose()


async def test_many_uploads_at_once_end_well(registry: Registry) -> None:
    repository = new_repository()
    contents = [noise(200_000) for _ in range(12)]
    blobs = [Descriptor.of(content, OCI_LAYER) for content in contents]
    await asyncio.gather(
        *(registry.put_blob(repository, blob, content) for blob, content in zip(blobs, contents, strict=True))
    )
    assert [await read(registry, repository, blob) for blob in blobs] == contents
