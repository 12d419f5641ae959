"""What a person is told first, and who is made where nobody is."""

from pathlib import Path

import pytest

from localhost.identity.issuer import sign_in_code
from localhost.identity.store import IdentityStore
from localhost.identity.token import make_first_admin, settings_of_host
from localhost.repository import REPOSITORY
from localhost.welcome import welcome
from tests.host.running import refused, running

URL = "http://127.0.0.1:7071"


def lines(data: Path, url: str = URL, *, signs_in: bool = True, loopback: bool = False) -> dict[str, str]:
    return dict(welcome(data, url, signs_in=signs_in, loopback=loopback).lines)


def test_it_says_how_to_make_somebody_where_nobody_signs_in_yet(tmp_path: Path) -> None:
    told = lines(tmp_path)
    assert told["console"] == f"{URL}/console"
    assert "nobody can yet" in told["sign in"]
    assert told["sign in"].endswith("token --tenant acme --user ada --role admin")


def test_it_names_a_few_users_and_the_code(tmp_path: Path) -> None:
    store, code = IdentityStore(tmp_path), sign_in_code(tmp_path)
    store.add_user("bob")
    store.add_user("ada")
    assert lines(tmp_path)["sign in"] == f"as ada or bob, with the code {code}"
    for number in range(10):
        store.add_user(f"user-{number}")
    assert lines(tmp_path)["sign in"] == f"as a member, with the code {code}"


def test_the_command_to_sign_in_with_names_the_platform_unless_it_is_the_usual_one(tmp_path: Path) -> None:
    IdentityStore(tmp_path).add_user("ada")
    assert lines(tmp_path)["terminal"].endswith("quantum login")
    assert lines(tmp_path, "http://127.0.0.1:7072")["terminal"].endswith("login http://127.0.0.1:7072")


def test_nothing_is_said_of_signing_in_where_the_local_issuer_signs_nobody_in(tmp_path: Path) -> None:
    assert lines(tmp_path, "http://box:7071", signs_in=False).keys() == {"console", "API"}


def test_it_says_when_steps_may_call_this_machine_and_how_to_forbid_that(tmp_path: Path) -> None:
    assert "egress" not in lines(tmp_path)
    assert "QUANTUM_EGRESS_LOOPBACK=refuse" in lines(tmp_path, loopback=True)["egress"]


def test_an_administrator_is_made_only_where_nobody_signs_in_yet(tmp_path: Path) -> None:
    settings = settings_of_host(tmp_path, {})
    make_first_admin(settings, tenant="acme", user="ada")
    make_first_admin(settings, tenant="acme", user="eve")
    assert IdentityStore(tmp_path).users() == ["ada"]


def test_the_platform_says_all_that_it_serves_to_who_asks_for_that(tmp_path: Path) -> None:
    with running(REPOSITORY, tmp_path, "--admin", "ada@acme", "--details") as host:
        host.stop()
        assert host.process.stdout is not None
        shown = host.process.stdout.read()
    assert f"Quantum Platform on {host.url}" in shown
    assert f"{host.url}/api/v1/intents/{{id}}/execute" in shown
    assert "as ada, with the code " in shown


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--admin", "ada"), "an administrator is USER@TENANT, such as ada@acme"),
        (("--admin", "ada@acme", "--host", "0.0.0.0"), "it is for hosts on loopback"),
        (("--admin", "ada@Acme!"), "--admin ada@Acme! cannot be made: "),
    ],
)
def test_an_administrator_that_cannot_be_is_refused(tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    assert why in refused(REPOSITORY, tmp_path / "data", *words)
