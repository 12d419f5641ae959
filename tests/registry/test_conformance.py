"""The local registry by the OCI distribution specification 1.1, after its conformance tests."""

import hashlib
import json
from typing import Any

import httpx
import pytest

from shared.modules.containers.registry.manifests import OCI_INDEX, OCI_MANIFEST
from tests.registries import noise

BASE = "/v2/acme/one"
ABSENT = "sha256:" + "0" * 64


def digest_of(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def described(content: bytes, kind: str = "application/octet-stream") -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest_of(content), "size": len(content)}


def begin(http: httpx.Client, base: str = BASE) -> str:
    response = http.post(f"{base}/blobs/uploads/", headers={"content-length": "0"})
    assert response.status_code == 202
    return response.headers["location"]


def put_blob(http: httpx.Client, content: bytes, base: str = BASE) -> dict[str, Any]:
    location = begin(http, base)
    response = http.put(location, params={"digest": digest_of(content)}, content=content)
    assert response.status_code == 201, response.text
    return described(content)


def image(http: httpx.Client, base: str = BASE, **more: Any) -> bytes:
    parts = [put_blob(http, noise(20), base) for _ in range(2)]
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": parts[0], "layers": parts[1:]}
    return json.dumps({**document, **more}).encode()


def put_manifest(
    http: httpx.Client,
    content: bytes,
    reference: str | None = None,
    kind: str = OCI_MANIFEST,
    base: str = BASE,
) -> httpx.Response:
    reference = reference or digest_of(content)
    return http.put(f"{base}/manifests/{reference}", content=content, headers={"content-type": kind})


def code_of(response: httpx.Response) -> str:
    (error,) = response.json()["errors"]
    assert error["message"]
    return str(error["code"])


def test_support_is_told(http: httpx.Client) -> None:
    response = http.get("/v2/")
    assert response.status_code == 200
    assert response.headers["docker-distribution-api-version"] == "registry/2.0"


class TestBlobs:
    def test_a_blob_is_put_by_post_and_put(self, http: httpx.Client) -> None:
        content = noise(1000)
        location = begin(http)
        response = http.put(location, params={"digest": digest_of(content)}, content=content)
        assert response.status_code == 201
        assert response.headers["docker-content-digest"] == digest_of(content)
        assert http.get(response.headers["location"]).content == content

    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    def test_a_blob_is_put_by_a_single_post(self, http: httpx.Client, algorithm: str) -> None:
        content = noise(1000)
        digest = digest_of(content, algorithm)
        response = http.post(f"{BASE}/blobs/uploads/", params={"digest": digest}, content=content)
        assert response.status_code == 201
        assert http.get(response.headers["location"]).content == content

    def test_a_blob_is_streamed_without_saying_its_ranges(self, http: httpx.Client) -> None:
        content = noise(100_000)
        patched = http.patch(begin(http), content=iter([content[:70_000], content[70_000:]]))
        assert patched.status_code == 202
        assert patched.headers["range"] == "0-99999"
        response = http.put(patched.headers["location"], params={"digest": digest_of(content)})
        assert response.status_code == 201

    @pytest.mark.parametrize("last", ["PATCH", "PUT"])
    def test_a_blob_is_put_in_chunks_and_out_of_order_they_are_416(
        self, http: httpx.Client, last: str
    ) -> None:
        content = noise(300)
        location = begin(http)

        def send(method: str, first: int, end: int, **params: str) -> httpx.Response:
            headers = {"content-range": f"{first}-{end - 1}"}
            return http.request(method, location, content=content[first:end], headers=headers, params=params)

        response = send("PATCH", 0, 100)
        assert (response.status_code, response.headers["range"]) == (202, "0-99")
        for method, params in (("PATCH", {}), ("PUT", {"digest": digest_of(content)})):
            wrong = send(method, 200, 300, **params)
            assert wrong.status_code == 416
            assert wrong.headers["range"] == "0-99"
            assert wrong.headers["location"] == location
        standing = http.get(location)
        assert (standing.status_code, standing.headers["range"]) == (204, "0-99")
        assert send("PATCH", 100, 200).status_code == 202
        if last == "PATCH":
            assert send("PATCH", 200, 300).status_code == 202
            response = http.put(location, params={"digest": digest_of(content)})
        else:
            response = send("PUT", 200, 300, digest=digest_of(content))
        assert response.status_code == 201
        assert http.get(response.headers["location"]).content == content

    def test_a_chunk_that_is_not_as_long_as_it_says_is_refused_and_not_kept(self, http: httpx.Client) -> None:
        location = begin(http)
        response = http.patch(location, content=b"abcd", headers={"content-range": "0-9"})
        assert (response.status_code, code_of(response)) == (400, "SIZE_INVALID")
        assert http.get(location).headers["range"] == "0-0"
        bad = http.patch(location, content=b"abcd", headers={"content-range": "x"})
        assert bad.status_code == 416

    @pytest.mark.parametrize("way", ["post", "put", "chunks"])
    def test_a_blob_with_another_digest_is_refused(self, http: httpx.Client, way: str) -> None:
        params = {"digest": digest_of(noise(3))}
        if way == "post":
            response = http.post(f"{BASE}/blobs/uploads/", params=params, content=b"x")
        elif way == "put":
            response = http.put(begin(http), params=params, content=b"x")
        else:
            location = http.patch(begin(http), content=b"x").headers["location"]
            response = http.put(location, params=params)
        assert (response.status_code, code_of(response)) == (400, "DIGEST_INVALID")
        assert http.head(f"{BASE}/blobs/{params['digest']}").status_code == 404

    @pytest.mark.parametrize("digest", ["", "x", "sha256:abc", "md5:" + "0" * 32, "sha256:" + "A" * 64])
    def test_what_is_no_digest_is_400(self, http: httpx.Client, digest: str) -> None:
        response = http.put(begin(http), params={"digest": digest}, content=b"x")
        assert (response.status_code, code_of(response)) == (400, "DIGEST_INVALID")
        response = http.post(f"{BASE}/blobs/uploads/", params={"digest-algorithm": "md5"})
        assert response.status_code == 400

    def test_an_upload_is_cancelled(self, http: httpx.Client) -> None:
        location = begin(http)
        assert http.delete(location).status_code == 204
        for method in ("GET", "PATCH", "PUT", "DELETE"):
            response = http.request(method, location, params={"digest": ABSENT})
            assert (response.status_code, code_of(response)) == (404, "BLOB_UPLOAD_UNKNOWN")

    def test_an_upload_belongs_to_its_repository(self, http: httpx.Client) -> None:
        location = begin(http).replace("/one/", "/two/")
        assert http.patch(location, content=b"x").status_code == 404

    def test_a_blob_is_mounted(self, http: httpx.Client) -> None:
        content = noise(100)
        blob = put_blob(http, content)
        params = {"mount": blob["digest"], "from": "acme/one"}
        response = http.post("/v2/acme/two/blobs/uploads/", params=params)
        assert response.status_code == 201
        assert http.get(response.headers["location"]).content == content
        missing = http.post("/v2/acme/two/blobs/uploads/", params={**params, "mount": ABSENT})
        assert missing.status_code == 202
        assert "location" in missing.headers

    def test_head_tells_what_get_would(self, http: httpx.Client) -> None:
        blob = put_blob(http, noise(123))
        response = http.head(f"{BASE}/blobs/{blob['digest']}")
        assert response.status_code == 200
        assert response.headers["content-length"] == "123"
        assert response.headers["docker-content-digest"] == blob["digest"]
        for method in ("HEAD", "GET"):
            assert http.request(method, f"{BASE}/blobs/{ABSENT}").status_code == 404
            assert http.request(method, f"/v2/acme/empty/blobs/{blob['digest']}").status_code == 404

    @pytest.mark.parametrize(
        ("range_", "status", "first", "end"),
        [
            ("bytes=0-99", 206, 0, 100),
            ("bytes=500-599", 206, 500, 600),
            ("bytes=900-", 206, 900, 1000),
            ("bytes=900-5000", 206, 900, 1000),
            ("bytes=-10", 206, 990, 1000),
            ("bytes=0-", 200, 0, 1000),
            ("bytes=-", 200, 0, 1000),
            ("items=0-1", 200, 0, 1000),
            ("bytes=0-1,5-6", 200, 0, 1000),
        ],
    )
    def test_a_part_of_a_blob_is_got(
        self, http: httpx.Client, range_: str, status: int, first: int, end: int
    ) -> None:
        content = noise(1000)
        blob = put_blob(http, content)
        response = http.get(f"{BASE}/blobs/{blob['digest']}", headers={"range": range_})
        assert response.status_code == status
        assert response.content == content[first:end]
        assert response.headers["content-length"] == str(end - first)
        if status == 206:
            assert response.headers["content-range"] == f"bytes {first}-{end - 1}/1000"

    @pytest.mark.parametrize("range_", ["bytes=500-0", "bytes=1000-", "bytes=5000-10000", "bytes=-0"])
    def test_a_part_that_is_none_is_416(self, http: httpx.Client, range_: str) -> None:
        blob = put_blob(http, noise(1000))
        response = http.get(f"{BASE}/blobs/{blob['digest']}", headers={"range": range_})
        assert response.status_code == 416
        assert response.headers["content-range"] == "bytes */1000"

    def test_a_blob_is_deleted_unless_a_manifest_names_it(self, http: httpx.Client) -> None:
        blob = put_blob(http, noise(10))
        assert http.delete(f"{BASE}/blobs/{blob['digest']}").status_code == 202
        assert http.head(f"{BASE}/blobs/{blob['digest']}").status_code == 404
        assert http.delete(f"{BASE}/blobs/{blob['digest']}").status_code == 404
        manifest = image(http)
        put_manifest(http, manifest)
        layer = json.loads(manifest)["layers"][0]["digest"]
        assert code_of(http.delete(f"{BASE}/blobs/{layer}")) == "UNSUPPORTED"


class TestManifests:
    def test_a_manifest_is_put_and_got_by_tag_and_digest_byte_for_byte(self, http: httpx.Client) -> None:
        content = image(http)
        response = put_manifest(http, content, "v1")
        assert response.status_code == 201
        assert response.headers["docker-content-digest"] == digest_of(content)
        for reference in ("v1", digest_of(content)):
            found = http.get(f"{BASE}/manifests/{reference}")
            assert found.content == content
            assert found.headers["content-type"] == OCI_MANIFEST
            head = http.head(f"{BASE}/manifests/{reference}")
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-length"] == str(len(content))
            assert head.headers["docker-content-digest"] == digest_of(content)

    def test_a_manifest_has_the_digest_that_its_address_has(self, http: httpx.Client) -> None:
        content = image(http)
        assert put_manifest(http, content, digest_of(content, "sha512")).status_code == 201
        response = put_manifest(http, content, ABSENT)
        assert (response.status_code, code_of(response)) == (400, "DIGEST_INVALID")

    def test_tags_come_along_with_a_digest(self, http: httpx.Client) -> None:
        content = image(http)
        response = put_manifest(http, content, f"{digest_of(content)}?tag=t1&tag=t2")
        assert response.headers["oci-tag"] == "t1, t2"
        assert http.head(f"{BASE}/manifests/t2").headers["docker-content-digest"] == digest_of(content)

    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (b"", OCI_MANIFEST),
            (b"[]", OCI_MANIFEST),
            (b'{"schemaVersion": 1}', OCI_MANIFEST),
            (b'{"schemaVersion": 2, "mediaType": "text/plain"}', "text/plain"),
            (b'{"schemaVersion": 2}', "application/json"),
            (b'{"schemaVersion": 2, "mediaType": "%b"}' % OCI_INDEX.encode(), OCI_MANIFEST),
            (
                b'{"schemaVersion": 2, "config": {"mediaType": "x", "digest": "../..", "size": 1}}',
                OCI_MANIFEST,
            ),
            (b'{"schemaVersion": 2, "manifests": [], "subject": 7}', OCI_INDEX),
        ],
    )
    def test_what_is_no_manifest_is_refused(self, http: httpx.Client, content: bytes, kind: str) -> None:
        response = put_manifest(http, content, "bad", kind)
        assert (response.status_code, code_of(response)) == (400, "MANIFEST_INVALID")

    def test_a_manifest_that_is_too_large_is_413_and_one_of_4_mb_is_not(self, http: httpx.Client) -> None:
        room = 4 * 1024 * 1024
        content = image(http, annotations={"pad": ""})
        content = content.replace(b'"pad": ""', b'"pad": "' + b"x" * (room - len(content)) + b'"')
        assert put_manifest(http, content, "large").status_code == 201
        assert put_manifest(http, content + b" ", "large").status_code == 413

    def test_what_a_manifest_names_must_be_there(self, http: httpx.Client) -> None:
        missing = described(noise(5))
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": missing, "layers": []}
        response = put_manifest(http, json.dumps(document).encode(), "v1")
        assert code_of(response) == "MANIFEST_BLOB_UNKNOWN"
        assert missing["digest"] in response.text
        index = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [{**missing, "mediaType": OCI_MANIFEST}],
        }
        response = put_manifest(http, json.dumps(index).encode(), "v1", OCI_INDEX)
        assert code_of(response) == "MANIFEST_BLOB_UNKNOWN"

    def test_layers_that_are_not_distributed_need_not_be_there(self, http: httpx.Client) -> None:
        document = json.loads(image(http))
        document["layers"].append({**described(noise(5)), "urls": ["https://example.com/layer"]})
        assert put_manifest(http, json.dumps(document).encode(), "foreign").status_code == 201

    def test_what_is_not_there_is_404(self, http: httpx.Client) -> None:
        for reference in ("none", ABSENT):
            for method in ("GET", "HEAD", "DELETE"):
                response = http.request(method, f"{BASE}/manifests/{reference}")
                assert response.status_code == 404
        assert code_of(http.get(f"{BASE}/manifests/none")) == "MANIFEST_UNKNOWN"

    @pytest.mark.parametrize("reference", ["-x", ".x", "x" * 129, "sha256:x", "a:b", "a%20b"])
    def test_what_is_no_reference_is_refused(self, http: httpx.Client, reference: str) -> None:
        assert put_manifest(http, image(http), reference).status_code == 400

    def test_a_tag_is_deleted_and_its_manifest_stays(self, http: httpx.Client) -> None:
        content = image(http)
        put_manifest(http, content, "gone")
        assert http.delete(f"{BASE}/manifests/gone").status_code == 202
        assert http.get(f"{BASE}/manifests/gone").status_code == 404
        assert http.get(f"{BASE}/manifests/{digest_of(content)}").status_code == 200

    def test_a_manifest_is_deleted_with_its_tags_unless_an_index_names_it(self, http: httpx.Client) -> None:
        content = image(http)
        put_manifest(http, content, "d1")
        entry = {**described(content, OCI_MANIFEST)}
        index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()
        assert put_manifest(http, index, "d2", OCI_INDEX).status_code == 201
        at = f"{BASE}/manifests/{digest_of(content)}"
        assert code_of(http.delete(at)) == "UNSUPPORTED"
        assert http.delete(f"{BASE}/manifests/{digest_of(index)}").status_code == 202
        assert http.delete(at).status_code == 202
        assert http.get(f"{BASE}/manifests/d1").status_code == 404
        assert http.get(f"{BASE}/manifests/d2").status_code == 404


class TestDiscovery:
    def test_tags_are_listed_in_order_and_in_pages(self, http: httpx.Client) -> None:
        content = image(http, "/v2/acme/two")
        for tag in ("b", "a", "Z", "c", "_x"):
            put_manifest(http, content, tag, base="/v2/acme/two")
        listed = "/v2/acme/two/tags/list"
        assert http.get(listed).json() == {"name": "acme/two", "tags": ["Z", "_x", "a", "b", "c"]}
        page = http.get(listed, params={"n": 2})
        assert page.json()["tags"] == ["Z", "_x"]
        following = page.links["next"]["url"]
        assert http.get(following).json()["tags"] == ["a", "b"]
        assert http.get(listed, params={"last": "b"}).json()["tags"] == ["c"]
        assert "link" not in http.get(listed, params={"n": 5}).headers
        none = http.get(listed, params={"n": 0})
        assert (none.json()["tags"], "link" in none.headers) == ([], False)
        assert http.get(listed, params={"n": "x"}).status_code == 400

    def test_a_repository_that_does_not_exist_is_404(self, http: httpx.Client) -> None:
        response = http.get("/v2/acme/empty/tags/list")
        assert (response.status_code, code_of(response)) == (404, "NAME_UNKNOWN")

    def test_referrers_are_listed_by_their_subject(self, http: httpx.Client) -> None:
        content = image(http)
        put_manifest(http, content, "subject")
        subject = described(content, OCI_MANIFEST)
        kinds = ["application/vnd.example.sbom", "application/vnd.example.signature"]
        for kind in kinds:
            referrer = image(http, subject=subject, artifactType=kind, annotations={"a": kind})
            response = put_manifest(http, referrer)
            assert response.headers["oci-subject"] == subject["digest"]
        at = f"{BASE}/referrers/{subject['digest']}"
        response = http.get(at)
        assert response.headers["content-type"] == OCI_INDEX
        found = response.json()["manifests"]
        assert sorted(one["artifactType"] for one in found) == kinds
        assert all(one["annotations"] == {"a": one["artifactType"]} for one in found)
        filtered = http.get(at, params={"artifactType": kinds[0]})
        assert filtered.headers["oci-filters-applied"] == "artifactType"
        assert [one["artifactType"] for one in filtered.json()["manifests"]] == kinds[:1]
        odd = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], "config": "x", "artifactType": 7}
        put_manifest(http, json.dumps({**odd, "subject": subject}).encode(), kind=OCI_INDEX)
        assert len(http.get(at).json()["manifests"]) == 3
        assert http.get(f"{BASE}/referrers/{ABSENT}").json()["manifests"] == []
        assert http.get(f"{BASE}/referrers/x").status_code == 400


@pytest.mark.parametrize("name", ["UPPER", "acme/%2e%2e/x", "acme//x", "acme/-x", "a" * 256, "%2e%2e"])
def test_what_is_no_name_is_400(nobody: httpx.Client, name: str) -> None:
    response = nobody.get(f"/v2/{name}/tags/list")
    assert (response.status_code, code_of(response)) == (400, "NAME_INVALID")


def test_other_paths_and_methods_are_refused_in_the_specifications_form(http: httpx.Client) -> None:
    assert code_of(http.get("/v2/acme/one/nothing")) == "NAME_UNKNOWN"
    response = http.put(f"{BASE}/tags/list")
    assert (response.status_code, code_of(response)) == (405, "UNSUPPORTED")
    assert response.headers["allow"] == "GET"
