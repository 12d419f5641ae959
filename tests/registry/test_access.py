"""Who may do what in the local registry."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from localhost.adapters import build
from localhost.registry.service import open_registry
from localhost.sqlite.documents import SqliteDocuments
from shared.modules.containers.registry.manifests import digest_of
from shared.ports.documents import TENANCY, Patch
from shared.security.scope import TenantScope
from shared.services.tenancy.tenants import TENANT
from shared.settings import Settings
from tests.registries import RunningRegistry
from tests.registry.conftest import sign_in

HERE = "repository:acme/app:pull,push"


@pytest.fixture(scope="session")
def tokens(registry: RunningRegistry) -> dict[str, str]:
    """Bearer tokens of the platform."""
    return {
        "operator": registry.token(tenant="acme", user="olga", role="operator"),
        "viewer": registry.token(tenant="acme", user="vera", role="viewer"),
        "other": registry.token(tenant="other", user="otto", role="admin"),
    }


def begun(client: httpx.Client, repository: str = "acme/app") -> int:
    return client.post(f"/v2/{repository}/blobs/uploads/").status_code


def test_nobody_sees_anything_and_is_told_where_to_sign_in(
    nobody: httpx.Client, registry: RunningRegistry
) -> None:
    for method, path, wanted in (
        ("GET", "/v2/", None),
        ("GET", "/v2/acme/app/tags/list", "repository:acme/app:pull"),
        ("POST", "/v2/acme/app/blobs/uploads/", "repository:acme/app:pull,push"),
        ("DELETE", "/v2/acme/app/manifests/v1", "repository:acme/app:delete,pull,push"),
    ):
        response = nobody.request(method, path)
        assert response.status_code == 401
        assert response.json()["errors"][0]["code"] == "UNAUTHORIZED"
        told = response.headers["www-authenticate"]
        assert told.startswith(f'Bearer realm="{registry.url}/v2/token",service="quantum"')
        assert re.findall(r'scope="([^"]*)"', told) == ([wanted] if wanted else [])


def test_an_operator_pulls_and_pushes_its_tenants_images(
    nobody: httpx.Client, tokens: dict[str, str]
) -> None:
    sign_in(nobody, "olga", tokens["operator"], HERE)
    assert nobody.get("/v2/").status_code == 200
    assert begun(nobody) == 202
    assert nobody.get("/v2/acme/app/manifests/none").status_code == 404


def test_a_viewer_pulls_and_does_not_push(nobody: httpx.Client, tokens: dict[str, str]) -> None:
    sign_in(nobody, "anything", tokens["viewer"], HERE)
    assert nobody.get("/v2/acme/app/manifests/none").status_code == 404
    response = nobody.post("/v2/acme/app/blobs/uploads/")
    assert (response.status_code, response.json()["errors"][0]["code"]) == (403, "DENIED")


@pytest.mark.parametrize("repository", ["acme/app", "acme", "acme/contexts", "otherr/app", "platform/app"])
def test_another_tenants_images_are_out_of_reach_whether_they_exist_or_not(
    nobody: httpx.Client, tokens: dict[str, str], repository: str
) -> None:
    sign_in(nobody, "otto", tokens["other"], f"repository:{repository}:pull,push,delete")
    for method, path in (("GET", "manifests/v1"), ("POST", "blobs/uploads/"), ("GET", "tags/list")):
        assert nobody.request(method, f"/v2/{repository}/{path}").status_code == 403


def test_a_suspended_tenants_images_rest_and_those_of_its_members_other_tenants_do_not(
    nobody: httpx.Client, registry: RunningRegistry
) -> None:
    assert registry.settings is not None
    registry.token(tenant="resting", user="rita", role="admin")
    password = registry.token(tenant="working", user="rita", role="admin")
    documents = SqliteDocuments(registry.settings.data / "documents.db")
    suspended = Patch(TENANT, set={("status",): "suspended", ("reason",): "unpaid"})
    scope = TenantScope("resting")
    asyncio.run(documents.transact(scope, container=TENANCY, partition=TENANT, operations=[suspended]))
    asyncio.run(asyncio.to_thread(documents.close))
    sign_in(nobody, "rita", password, "repository:resting/a:pull,push", "repository:working/a:pull,push")
    assert (begun(nobody, "resting/a"), begun(nobody, "working/a")) == (403, 202)
    assert nobody.get("/v2/resting/a/tags/list").status_code == 403


def test_a_blob_is_not_mounted_from_where_its_taker_may_not_read(
    http: httpx.Client, tokens: dict[str, str]
) -> None:
    content = b"of acme alone"
    digest = digest_of(content)
    response = http.post("/v2/acme/one/blobs/uploads/", params={"digest": digest}, content=content)
    assert response.status_code == 201
    sign_in(http, "otto", tokens["other"], "repository:other/x:pull,push", "repository:acme/one:pull")
    mounted = http.post("/v2/other/x/blobs/uploads/", params={"mount": digest, "from": "acme/one"})
    assert mounted.status_code == 202
    assert http.head(f"/v2/other/x/blobs/{digest}").status_code == 404


def test_a_token_is_good_for_what_it_was_asked_for_alone(
    nobody: httpx.Client, tokens: dict[str, str]
) -> None:
    sign_in(nobody, "olga", tokens["operator"], "repository:acme/app:pull")
    assert begun(nobody, "acme/elsewhere") == 401
    assert begun(nobody) == 403


@pytest.mark.parametrize(
    ("user", "password"),
    [("olga", "wrong"), ("platform", "wrong"), ("platform", ""), ("olga", "e30.e30."), ("", "")],
)
def test_a_wrong_password_is_refused(nobody: httpx.Client, user: str, password: str) -> None:
    response = nobody.get("/v2/token", params={"scope": HERE}, auth=(user, password))
    assert (response.status_code, response.json()["errors"][0]["code"]) == (401, "UNAUTHORIZED")


def test_the_platforms_key_is_no_password_of_others(nobody: httpx.Client, registry: RunningRegistry) -> None:
    assert registry.login is not None
    response = nobody.get("/v2/token", auth=("olga", registry.login.password))
    assert response.status_code == 401


@pytest.mark.parametrize("header", ["", "Basic", "Basic !", "Basic eA==", "Bearer x", "Basic /w=="])
def test_what_is_no_login_is_refused(nobody: httpx.Client, header: str) -> None:
    assert nobody.get("/v2/token", headers={"authorization": header}).status_code == 401


def test_an_altered_token_is_none(nobody: httpx.Client, tokens: dict[str, str]) -> None:
    sign_in(nobody, "olga", tokens["operator"], HERE)
    body, _, seal = nobody.headers["authorization"].removeprefix("Bearer ").partition(".")
    for altered in (f"{body}A.{seal}", f"{body}.{seal[:-1]}", body, ".", f"{seal}.{body}"):
        assert nobody.get("/v2/", headers={"authorization": f"Bearer {altered}"}).status_code == 401


def test_the_key_is_for_the_folders_owner_alone(registry: RunningRegistry) -> None:
    assert registry.settings is not None
    folder = registry.settings.data / "registry"
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "platform.key").stat().st_mode & 0o077 == 0


def test_a_host_that_others_reach_is_no_registry(tmp_path: Path) -> None:
    adapters = build(Settings(adapters="localhost", host_url="http://box:7071", data=tmp_path))
    assert adapters.local_registry is None
    assert open_registry(adapters) is None
    asyncio.run(adapters.close())
