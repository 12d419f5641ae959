"""Where a request comes from, as far as that can be believed."""

import pytest
from starlette.requests import Request

from functions.gateway.addresses import source


@pytest.mark.parametrize(
    ("trusted", "lines", "address"),
    [
        (0, ["198.51.100.1"], "127.0.0.1"),
        (1, [], "127.0.0.1"),
        (1, ["203.0.113.7"], "203.0.113.7"),
        (1, ["203.0.113.7:41234"], "203.0.113.7"),
        (1, ["198.51.100.1, 203.0.113.7:41234"], "203.0.113.7"),
        (1, ["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
        (2, ["198.51.100.1, 203.0.113.7, 10.0.0.4:80"], "203.0.113.7"),
        (2, ["203.0.113.7"], "203.0.113.7"),
        (1, ["[2001:db8::1]:443"], "2001:db8::1"),
        (1, ["2001:DB8::1"], "2001:db8::1"),
        (1, ["unknown"], None),
        (1, ["198.51.100.1,"], None),
        (1, ["[::1"], "::1"),
    ],
)
def test_the_source_is_what_the_last_trusted_proxy_was_asked_by(
    trusted: int, lines: list[str], address: str | None
) -> None:
    headers = [(b"x-forwarded-for", line.encode()) for line in lines]
    request = Request({"type": "http", "headers": headers, "client": ("127.0.0.1", 5000)})
    assert source(request, trusted) == address


def test_a_source_that_cannot_be_told_is_none() -> None:
    assert source(Request({"type": "http", "headers": [], "client": None}), 0) is None
