"""The address that a host goes by, which tells whether others reach it."""

import pytest

from localhost.serve import base_url_of


@pytest.mark.parametrize(
    ("host", "machine", "url"),
    [
        ("127.0.0.1", "box", "http://127.0.0.1:7071"),
        ("::1", "box", "http://[::1]:7071"),
        ("192.168.1.7", "localhost", "http://192.168.1.7:7071"),
        ("0.0.0.0", "box", "http://box:7071"),
        ("::", "box", "http://box:7071"),
        ("0.0.0.0", "localhost", "http://0.0.0.0:7071"),
        ("::", "localhost", "http://[::]:7071"),
        ("0.0.0.0", "127.0.0.1", "http://0.0.0.0:7071"),
    ],
)
def test_a_host_on_all_addresses_never_goes_by_loopback(host: str, machine: str, url: str) -> None:
    assert base_url_of(host, 7071, machine=machine) == url
