"""The egress rule against a corpus of URLs that lead inside, and of such that look so."""

import ipaddress

import pytest

from shared.domain.urls import url_problem
from shared.modules.egress import EgressRefusedError, GuardedBackend
from shared.security.addresses import LOOPBACK
from shared.security.egress import EgressPolicy
from tests.security.corpora import SAMPLES, Sample, samples


def ids(sample: Sample) -> str:
    return f"{sample.url!a} ({sample.why})"


def test_the_corpus_has_no_url_twice_and_enough_of_each_verdict() -> None:
    assert len({sample.url for sample in SAMPLES}) == len(SAMPLES)
    counts = {verdict: len(samples(verdict)) for verdict in ("refused", "invalid", "name", "public")}
    assert all(
        counts[verdict] >= least
        for verdict, least in {"refused": 450, "invalid": 50, "name": 40, "public": 40}.items()
    ), counts


@pytest.mark.parametrize("sample", samples("refused"), ids=ids)
def test_a_url_that_leads_inside_is_refused(sample: Sample) -> None:
    assert EgressPolicy().refusal_of_url(sample.url)


@pytest.mark.parametrize("sample", samples("public", "name"), ids=ids)
def test_a_url_that_does_not_say_that_it_leads_inside_is_not(sample: Sample) -> None:
    assert EgressPolicy().refusal_of_url(sample.url) is None
    assert url_problem(sample.url, instead="") is None


@pytest.mark.parametrize("sample", samples("invalid"), ids=ids)
def test_what_is_no_url_to_call_is_taken_by_nobody(sample: Sample) -> None:
    assert url_problem(sample.url, instead="")


async def inside(host: str, port: int) -> list[str]:
    return ["8.8.8.8", "10.0.0.1"]


@pytest.mark.parametrize("sample", samples("name"), ids=ids)
async def test_a_name_is_refused_for_its_addresses(sample: Sample) -> None:
    host = sample.url.partition("://")[2].partition("/")[0].partition(":")[0]
    with pytest.raises(EgressRefusedError, match="private"):
        await GuardedBackend(EgressPolicy(), resolve=inside).connect_tcp(host, 80)


async def test_a_host_that_spells_an_address_is_not_even_looked_up() -> None:
    async def nobody(host: str, port: int) -> list[str]:
        raise AssertionError(host)

    backend = GuardedBackend(EgressPolicy(), resolve=nobody)
    for host in ("127.0.0.1", "0x7f000001", "localhost", "metadata.google.internal", "::1", "１２７.0.0.1"):  # noqa: RUF001
        with pytest.raises(EgressRefusedError):
            await backend.connect_tcp(host, 80)


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("::1", "::1"), ("127.9.9.9", "127.9.9.9")],
)
def test_loopback_can_be_allowed_and_nothing_else_is_with_it(host: str, address: str) -> None:
    policy = EgressPolicy.allowing(LOOPBACK)
    assert policy.refusal(host, 80, ipaddress.ip_address(address)) is None
    assert policy.refusal_of_host(host, 80) is None
    for url in ("http://0.0.0.0/", "http://[::]/", "http://169.254.169.254/", "http://10.0.0.1/"):
        assert policy.refusal_of_url(url)
