"""Signing in to an Azure Container Registry as an identity of Entra ID, by a peer that is strict about it."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localhost.http.server import bind
from shared.domain.errors import UnavailableError
from shared.modules.authorization import OutboundTokens
from shared.modules.containers.registry.authentication import AzureIdentity
from shared.modules.containers.registry.build_registry import BuildRegistry
from shared.modules.containers.registry.patience import Pace
from shared.modules.containers.registry.registries import Registry
from shared.modules.containers.registry.repositories import (
    ACR_SCOPE,
    Operators,
    Repositories,
    operators_registry,
)
from shared.modules.containers.registry.sending import Connections
from shared.ports.actions import ActionError
from shared.ports.credentials import NoCredentials
from shared.ports.registries import Login, RegistryPlace
from shared.ports.telemetry import NO_TELEMETRY
from shared.security.egress import EgressPolicy
from shared.security.outbound import OutboundScope
from shared.security.scope import TenantScope
from tests.registries import EGRESS, served

SERVICE = "shop.azurecr.io"
AAD = "aad-token-of-the-platform"


@dataclass
class Acr:
    """A registry that is signed in to as Azure's is (github.com/Azure/acr, docs/AAD-OAuth.md).

    ``realm`` is what it says where tokens come from; ``asked`` are the forms that it got.
    """

    host: str
    realm: str = ""
    service: str = SERVICE
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    tokens: set[str] = field(default_factory=set[str])
    repositories: list[str] = field(default_factory=list[str])

    async def exchange(self, request: Request) -> Response:
        form = await self._form(request)
        if form != {"grant_type": "access_token", "service": self.service, "access_token": AAD}:
            return JSONResponse({"errors": [{"code": "UNAUTHORIZED", "message": "bad exchange"}]}, 401)
        return JSONResponse({"refresh_token": "refresh"})

    async def token(self, request: Request) -> Response:
        form = await self._form(request)
        scope = form.pop("scope", "")
        if form != {"grant_type": "refresh_token", "service": self.service, "refresh_token": "refresh"}:
            return JSONResponse({"errors": [{"code": "UNAUTHORIZED", "message": "bad refresh"}]}, 401)
        self.tokens.add(token := f"token-{len(self.asked)}-{scope}")
        return JSONResponse({"access_token": token})

    async def serve(self, request: Request) -> Response:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            told = f'Bearer realm="{self.realm}",service="{self.service}",scope="registry:x:y"'
            return Response(status_code=401, headers={"www-authenticate": told})
        return JSONResponse({}, 404)

    async def catalog(self, request: Request) -> Response:
        refused = await self.serve(request)
        if refused.status_code == 401:
            return refused
        last = request.query_params["last"]
        page = [name for name in self.repositories if name > last][:2]
        more = {"link": f'</v2/_catalog?last={page[-1]}&n=2>; rel="next"'} if len(page) == 2 else {}
        return JSONResponse({"repositories": page or None}, headers=more)

    async def delete(self, request: Request) -> Response:
        refused = await self.serve(request)
        if refused.status_code == 401:
            return refused
        self.repositories.remove(request.path_params["name"])
        return Response(status_code=202)

    async def _form(self, request: Request) -> dict[str, str]:
        assert request.method == "POST"
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        assert not request.url.query
        found = dict(parse_qsl((await request.body()).decode(), strict_parsing=True))
        self.asked.append(dict(found))
        return found


@pytest.fixture
def acr() -> Iterator[Acr]:
    listener = bind("127.0.0.1", 0)
    acr = Acr(f"127.0.0.1:{listener.getsockname()[1]}")
    acr.realm = f"http://{acr.host}/oauth2/token"
    routes = [
        Route("/oauth2/exchange", acr.exchange, methods=["POST"]),
        Route("/oauth2/token", acr.token, methods=["POST"]),
        Route("/v2/_catalog", acr.catalog, methods=["GET"]),
        Route("/acr/v1/{name:path}", acr.delete, methods=["DELETE"]),
        Route("/v2/{path:path}", acr.serve, methods=["GET", "HEAD", "POST"]),
    ]
    with served(Starlette(routes=routes), listener):
        yield acr


@pytest.fixture
async def connections() -> AsyncIterator[Connections]:
    made = Connections(EGRESS)
    yield made
    await made.aclose()


async def aad() -> str:
    return AAD


async def test_the_identity_is_exchanged_for_tokens_of_the_registry_that_are_kept(
    acr: Acr, connections: Connections
) -> None:
    registry = Registry(connections, acr.host, AzureIdentity(aad))
    assert list(await registry.tags("acme/app")) == []
    assert await registry.digest("acme/app", "v1") is None
    assert [form["grant_type"] for form in acr.asked] == ["access_token", "refresh_token"]
    assert acr.asked[1]["scope"] == "repository:acme/app:pull"


async def test_agents_of_azure_are_lent_a_way_in_that_others_know_as_a_password(
    acr: Acr, connections: Connections
) -> None:
    acr.service = acr.host
    lent = await Registry(connections, acr.host, AzureIdentity(aad)).lent()
    assert lent == Login("00000000-0000-0000-0000-000000000000", "refresh")
    assert AAD not in str(lent)
    for credentials in (None, Login("a", "b")):
        assert await Registry(connections, acr.host, credentials).lent() is None


async def test_the_identity_is_shown_to_its_registry_alone_whatever_realm_is_named(
    acr: Acr, connections: Connections
) -> None:
    acr.realm = "https://tokens.evil.example/oauth2/token"
    registry = Registry(connections, acr.host, AzureIdentity(aad))
    assert list(await registry.tags("acme/app")) == []
    assert len(acr.asked) == 2


async def test_an_identity_that_the_registry_does_not_know_is_said_to_be_unknown(
    acr: Acr, connections: Connections
) -> None:
    async def stranger() -> str:
        return "another"

    with pytest.raises(ActionError, match="bad exchange") as caught:
        await Registry(connections, acr.host, AzureIdentity(stranger)).tags("acme/app")
    assert (caught.value.code, caught.value.retryable) == ("REGISTRY_UNAUTHENTICATED", False)
    assert "another" not in caught.value.message


async def test_an_erased_tenants_repositories_go_with_all_that_they_have(acr: Acr) -> None:
    acr.repositories = ["ac/me", "acme/a", "acme/a/b", "acme/c", "acmee/a", "zeta/a"]
    place = RegistryPlace(acr.host, f"http://{acr.host}")
    build = BuildRegistry(place, EGRESS, AzureIdentity(aad))
    await build.forget(TenantScope("acme"))
    assert acr.repositories == ["ac/me", "acmee/a", "zeta/a"]
    scopes = [form["scope"] for form in acr.asked if "scope" in form]
    assert scopes[0] == "registry:catalog:*"
    assert scopes[1] == "repository:acme/a:delete"
    await build.aclose()


async def test_a_registry_that_tells_no_repositories_holds_up_nothing_and_one_that_is_away_does(
    acr: Acr, caplog: pytest.LogCaptureFixture
) -> None:
    async def stranger() -> str:
        return "another"

    build = BuildRegistry(RegistryPlace(acr.host, f"http://{acr.host}"), EGRESS, AzureIdentity(stranger))
    await build.forget(TenantScope("acme"))
    assert "images of the erased tenant acme stay" in caplog.text
    await build.aclose()
    away = BuildRegistry(RegistryPlace("127.0.0.1:1", "http://127.0.0.1:1"), EGRESS, pace=Pace(pause=0))
    with pytest.raises(UnavailableError):
        await away.forget(TenantScope("acme"))
    await away.aclose()


class Credentials:
    """An identity; what tokens were asked for is kept."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    async def token(self, *, scope: str, on_behalf_of: str | None = None) -> str:
        assert on_behalf_of is None
        self.scopes.append(scope)
        return AAD


async def test_the_build_registry_in_azure_is_signed_in_to_by_a_token_for_registries_only() -> None:
    credentials = Credentials()
    place = RegistryPlace(SERVICE, f"https://{SERVICE}")
    build = operators_registry(place, EgressPolicy(), credentials, NO_TELEMETRY)
    identity = build.credentials
    assert isinstance(identity, AzureIdentity)
    assert await identity.token() == AAD
    assert credentials.scopes == [ACR_SCOPE]
    assert "management" not in ACR_SCOPE


def test_a_password_of_the_build_registry_goes_before_the_identity() -> None:
    place = RegistryPlace(SERVICE, f"https://{SERVICE}", Login("builder", "s3cret"))
    build = operators_registry(place, EgressPolicy(), NoCredentials(), NO_TELEMETRY)
    assert build.credentials == Login("builder", "s3cret")
    elsewhere = RegistryPlace("registry.example", "https://registry.example")
    assert operators_registry(elsewhere, EgressPolicy(), NoCredentials(), NO_TELEMETRY).credentials is None


@pytest.mark.parametrize(
    ("tenant", "registry", "says"),
    [
        ("acme", "shop.azurecr.io", None),
        ("acme", "other.azurecr.io", "may not be sent to https://other.azurecr.io"),
        ("other", "shop.azurecr.io", "this tenant may not get a token"),
    ],
)
async def test_steps_use_the_identity_where_an_operator_allows_their_tenant_that(
    tenant: str, registry: str, says: str | None
) -> None:
    allowed = OutboundScope(scope=ACR_SCOPE, origins=("https://shop.azurecr.io",), tenants=["acme"])  # type: ignore[arg-type]  # as it is written
    outbound = OutboundTokens(Credentials(), [allowed])
    repositories = Repositories(Operators(), EgressPolicy(), outbound)
    credentials = repositories.credentials(TenantScope(tenant), registry, None)
    assert isinstance(credentials, AzureIdentity)
    if says is None:
        assert await credentials.token() == AAD
    else:
        with pytest.raises(ActionError, match=says):
            await credentials.token()
    assert repositories.credentials(TenantScope(tenant), registry, login := Login("a", "b")) == login
    assert repositories.credentials(TenantScope(tenant), "ghcr.io", None) is None
