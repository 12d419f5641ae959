"""What secrets are called in the vault: no two alike, whatever tenants and names are called."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.keyvault.names import of_vault, vault_name
from shared.ports.secrets import STORED_NAME
from shared.security.scope import TENANT_ID
from tests.keyvault.server import NAME

TENANTS = st.from_regex(TENANT_ID, fullmatch=True)
NAMES = st.from_regex(STORED_NAME, fullmatch=True)


@settings(max_examples=50)
@given(TENANTS, NAMES)
def test_a_name_is_one_for_the_vault_and_leads_back(tenant_id: str, name: str) -> None:
    called = vault_name(tenant_id, name)
    assert NAME.fullmatch(called)
    assert of_vault(called) == (tenant_id, name)


@settings(max_examples=50)
@given(st.tuples(TENANTS, NAMES), st.tuples(TENANTS, NAMES))
def test_no_two_are_called_alike_by_who_does_not_tell_upper_from_lower_case(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert (vault_name(*one).lower() == vault_name(*other).lower()) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "TOKEN"), ("a", "token")),
        (("a-b", "c"), ("a", "b_c")),
        (("a--b", "c"), ("a", "_b_c")),
        (("quantum", "x"), ("quantum-quantum", "x")),
    ],
)
def test_what_looks_alike_is_told_apart(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert vault_name(*one).lower() != vault_name(*other).lower()


def test_the_longest_name_of_the_longest_tenant_fits() -> None:
    called = vault_name("t" * 63, "N" * 32)
    assert len(called) == 124
    assert NAME.fullmatch(called)


@settings(max_examples=50)
@given(st.from_regex(NAME, fullmatch=True) | st.text(max_size=20).map("quantum-a-{}".format))
def test_what_is_not_ours_is_nobodys(text: str) -> None:
    found = of_vault(text)
    assert found is None or vault_name(*found) == text


@pytest.mark.parametrize(
    "text",
    [
        "sealing-key",
        "quantum-acme-",
        "quantum--aa",
        "acme-orxwwzlo",
        "quantum-acme-ORXWWZLO",
        "quantum-acme-mf",
    ],
)
def test_what_only_looks_like_ours_is_nobodys(text: str) -> None:
    assert of_vault(text) is None
