"""Tokens of Entra ID: both versions, one tenant and several, users' and applications'."""

import json
from typing import Any

import pytest

from shared.adapters.jwt.keys import MIN_INTERVAL
from shared.adapters.jwt.verifier import JwtTokens
from shared.domain.errors import UnauthenticatedError, UnavailableError
from tests.security.entra import (
    ADA,
    APP_ID_URI,
    CALLER,
    CLIENT_ID,
    CONSUMERS,
    HOME,
    LOGIN,
    OTHER,
    PARTNER,
    ROBOT,
    STS,
    Entra,
    issuer_name,
)
from tests.security.entra_attacks import AUDIENCE, ENTRA
from tests.security.forge import jwk


def configured(entra: Entra, *allow: str) -> JwtTokens:
    """A verifier that takes this Entra ID's tokens, of these tenants."""
    several = {"tenants": "any", "allow": list(allow or (HOME, PARTNER)), "metadata": entra.metadata}
    entry: dict[str, Any] = {"kind": "entra", "client_id": CLIENT_ID, "versions": [entra.version]}
    entry |= {"tenants": [HOME]} if entra.metadata == HOME else several
    entry |= {"audiences": [APP_ID_URI]} if entra.version == "v1" else {}
    return entra.tokens(json.dumps([entry]))


@pytest.fixture(params=["v1", "v2"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["one-tenant", "organizations", "common"])
def entra(request: pytest.FixtureRequest, version: str) -> Entra:
    return Entra(version, HOME if request.param == "one-tenant" else request.param)


async def test_a_users_token_speaks_for_the_user_of_the_tenant(entra: Entra) -> None:
    identity = await configured(entra).verify(entra.token())
    assert (identity.issuer, identity.subject) == (f"{LOGIN}/{HOME}/v2.0", ADA)
    assert (identity.kind, identity.client) == ("user", CALLER)


@pytest.mark.parametrize("idtyp", [None, "app"])
async def test_an_applications_token_speaks_for_the_application(entra: Entra, idtyp: str | None) -> None:
    identity = await configured(entra).verify(entra.sign(entra.app_claims(idtyp=idtyp)))
    assert (identity.issuer, identity.subject) == (f"{LOGIN}/{HOME}/v2.0", ROBOT)
    assert (identity.kind, identity.client) == ("service", CALLER)


async def test_an_application_with_idtyp_needs_neither_roles_nor_itself_as_subject(version: str) -> None:
    entra = Entra(version)
    claims = entra.app_claims(idtyp="app", roles=None, sub="another")
    assert (await configured(entra).verify(entra.sign(claims))).kind == "service"


async def test_a_user_is_the_same_in_both_versions() -> None:
    old, new = Entra("v1"), Entra("v2")
    first, second = await configured(old).verify(old.token()), await configured(new).verify(new.token())
    assert (first.issuer, first.subject) == (second.issuer, second.subject)


async def test_the_same_object_id_in_two_tenants_is_two_identities(version: str) -> None:
    entra = Entra(version, "organizations")
    tokens = configured(entra)
    home, partner = await tokens.verify(entra.token()), await tokens.verify(entra.token(tid=PARTNER))
    assert (home.subject, home.issuer == partner.issuer) == (partner.subject, False)


async def test_a_guest_is_known_by_the_object_in_the_tenant_that_it_visits(version: str) -> None:
    entra = Entra(version, "organizations")
    guest = entra.token(idp=f"{STS}/{OTHER}/", acct=1, email="ada@other.example", oid=CALLER)
    identity = await configured(entra).verify(guest)
    assert (identity.issuer, identity.subject) == (f"{LOGIN}/{HOME}/v2.0", CALLER)


async def test_a_changed_name_or_address_changes_nobody(version: str) -> None:
    entra = Entra(version)
    tokens = configured(entra)
    names = {"upn": "root@home.example", "preferred_username": "root", "email": "root@home.example"}
    first, second = await tokens.verify(entra.token()), await tokens.verify(entra.token(**names))
    assert (first.issuer, first.subject) == (second.issuer, second.subject)


async def test_personal_accounts_are_taken_where_their_tenant_is_listed() -> None:
    entra = Entra("v2", "common")
    token = entra.sign(entra.claims(tid=CONSUMERS), key="second", kid="personal")
    identity = await configured(entra, HOME, CONSUMERS).verify(token)
    assert identity.issuer == f"{LOGIN}/{CONSUMERS}/v2.0"


@pytest.mark.parametrize("case", ENTRA, ids=lambda case: case.replace(" ", "-"))
async def test_a_token_that_is_not_for_us_is_refused_with_its_reason(entra: Entra, case: str) -> None:
    tokens = configured(entra)
    await tokens.verify(entra.token())
    make, reason = ENTRA[case]
    with pytest.raises(UnauthenticatedError) as refused:
        await tokens.verify(make(entra))
    assert reason in refused.value.reason
    assert refused.value.message == UnauthenticatedError.title, "the caller gets one answer for all"


async def test_each_version_takes_its_own_form_of_audience_alone() -> None:
    old, new = Entra("v1"), Entra("v2")
    await configured(old).verify(old.token(aud=APP_ID_URI))
    await configured(old).verify(old.token(aud=CLIENT_ID))
    with pytest.raises(UnauthenticatedError) as refused:
        await configured(new).verify(new.token(aud=APP_ID_URI))
    assert refused.value.reason == AUDIENCE


async def test_another_listed_tenant_is_refused_where_one_is_trusted(version: str) -> None:
    entra = Entra(version)
    with pytest.raises(UnauthenticatedError) as refused:
        await configured(entra).verify(entra.token(tid=PARTNER))
    assert refused.value.reason == f"the tenant {PARTNER} is not on the list of those whose tokens are taken"


async def test_a_key_of_personal_accounts_signs_for_no_organization() -> None:
    entra = Entra("v2", "common")
    with pytest.raises(UnauthenticatedError) as refused:
        await configured(entra).verify(entra.sign(entra.claims(), key="second", kid="personal"))
    assert refused.value.reason == "the key is bound to another issuer"


@pytest.mark.parametrize("bound", [issuer_name("v2", PARTNER), "https://evil.example", "", 7])
async def test_a_key_bound_to_another_issuer_verifies_nothing(entra: Entra, bound: Any) -> None:
    entra.keys[0]["issuer"] = bound
    with pytest.raises(UnauthenticatedError) as refused:
        await configured(entra).verify(entra.token())
    assert refused.value.reason == "the key is bound to another issuer"


async def test_v1_tokens_take_keys_that_are_bound_in_the_form_of_v2() -> None:
    entra = Entra("v1", "organizations")
    entra.keys[0]["issuer"] = issuer_name("v2", "{tenantid}")
    assert (await configured(entra).verify(entra.token(tid=PARTNER))).kind == "user"


@pytest.mark.parametrize("named", [PARTNER, "{tenantid}", "common"])
async def test_metadata_that_name_another_issuer_yield_no_keys(version: str, named: str) -> None:
    entra = Entra(version, named=named)
    with pytest.raises(UnavailableError, match="names another issuer"):
        await configured(entra).verify(entra.token())


async def test_a_key_that_rolled_over_is_found_without_a_restart(entra: Entra) -> None:
    tokens = configured(entra)
    await tokens.verify(entra.token())
    entra.clock.advance(MIN_INTERVAL)
    entra.keys[:] = [jwk("RS256", "rolled", "rolled")]
    identity = await tokens.verify(entra.sign(entra.claims(), key="rolled", kid="rolled"))
    assert (identity.subject, len(entra.asked)) == (ADA, 4)


async def test_readiness_names_the_issuer_whose_keys_cannot_be_had(entra: Entra) -> None:
    tokens = configured(entra)
    await tokens.ready()
    asked = len(entra.asked)
    await tokens.ready()
    assert len(entra.asked) == asked, "fresh keys are not asked for again"

    entra.keys.clear()
    with pytest.raises(UnavailableError, match=r"the keys of the issuer https://\S+ cannot be had: \w+"):
        await configured(entra).ready()
