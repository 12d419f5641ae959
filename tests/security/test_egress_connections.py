"""The guarded client against corpora of what names resolve to, and of where redirects lead."""

from typing import Any

import httpcore
import httpx
import pytest

from shared import logs
from shared.modules.egress import EgressRefusedError, GuardedBackend, guarded_client
from shared.modules.redirects import SecretElsewhereError, follow
from shared.security.egress import EgressPolicy
from shared.security.redaction import Redactor
from tests.security.corpora import records

SECRETS = {
    "authorization": "Bearer x",
    "cookie": "a=b",
    "x-api-key": "x",
    "proxy-authorization": "x",
    "x-quantum-callback": "https://platform.example/callbacks/x",
}
ENDS: dict[str, tuple[type[Exception], ...]] = {
    "refused": (EgressRefusedError,),
    "url": (httpx.UnsupportedProtocol, httpx.InvalidURL),
    "answer": (httpx.RemoteProtocolError, httpx.ConnectError),
    "often": (httpx.TooManyRedirects,),
}


def why(record: dict[str, Any]) -> str:
    return str(record["why"])


class Wire(httpcore.AsyncMockStream):
    """One connection: answers with what comes next, and remembers what was asked."""

    def __init__(self, internet: "Internet") -> None:
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
        if internet.locations:
            location = internet.locations.pop(0).encode()
            answer = (
                f"HTTP/1.1 {internet.status} Elsewhere\r\n".encode()
                + b"transfer-encoding: chunked\r\nlocation: "
                + location
            )
            answer += b"\r\n\r\n" + b"4\r\nbody\r\n"  # which has no end
        super().__init__([answer, b""])
        self._internet = internet

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self._internet.sent += buffer
        self._internet.ever_sent += buffer

    async def start_tls(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        return self


class Internet(httpcore.AsyncNetworkBackend):
    """Connects to whatever it is told, and remembers where to, and what was sent last."""

    def __init__(self, *locations: str, status: int = 302) -> None:
        self.locations = list(locations)
        self.status = status
        self.ever_sent = b""
        self.connected: list[str] = []
        self.sent = b""

    async def connect_tcp(self, host: str, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        self.connected.append(host)
        self.sent = b""
        return Wire(self)


@pytest.mark.parametrize("record", records("dns.corpus.jsonl"), ids=why)
async def test_a_connection_goes_to_an_address_that_was_judged_or_nowhere(record: dict[str, Any]) -> None:
    internet, answers = Internet(), list(record["answers"])

    async def resolve(host: str, port: int) -> list[str]:
        found: list[str] = answers.pop(0)
        return found

    backend = GuardedBackend(EgressPolicy(), resolve=resolve, network=internet)
    refused = False
    while answers:
        try:
            await backend.connect_tcp("name.example", 443)
        except EgressRefusedError:
            refused = True
    assert (internet.connected, refused) == (record["connects"], record["refused"])


async def names(host: str, port: int) -> list[str]:
    known = {"example.com": "8.8.8.8", "example.org": "1.1.1.1", "evil.example": "10.0.0.1"}
    found = [address for name, address in known.items() if host.rstrip(".").endswith(name)]
    if not found:
        raise httpcore.ConnectError(f"the name {host} cannot be resolved")
    return found


@pytest.mark.parametrize("record", records("redirects.corpus.jsonl"), ids=why)
async def test_redirects_lead_nowhere_inside_and_take_no_secrets_along(record: dict[str, Any]) -> None:
    internet, policy = Internet(*record["hops"]), EgressPolicy()
    backend = GuardedBackend(policy, resolve=names, network=internet)
    async with guarded_client(policy, backend=backend) as client:
        request = client.build_request("GET", "http://example.com/", headers=SECRETS)
        if record["ends"] == "answered":
            response = await follow(client, request)
            assert await response.aread() == b"ok"
            sent = internet.sent.lower()
            kept = {name for name in SECRETS if f"\r\n{name}: ".encode() in sent}
            # Never a cookie: who sends one on may have got it for another path.
            sticks = set(SECRETS) - {"cookie"} if record["hops"] else set(SECRETS)
            assert kept == (sticks if record["secrets"] else set())
        else:
            with pytest.raises(ENDS[record["ends"]]):
                await follow(client, request)
    assert set(internet.connected) <= {"8.8.8.8", "1.1.1.1"}


@pytest.mark.parametrize(
    ("location", "hidden", "refused"),
    [
        ("http://example.org/", True, True),
        ("http://example.org/", False, False),
        ("http://example.com/other", True, False),
    ],
    ids=["elsewhere", "nothing secret", "same origin"],
)
async def test_no_redirect_takes_a_body_with_a_secret_to_another_origin(
    location: str, hidden: bool, refused: bool
) -> None:
    internet, policy = Internet(location, status=307), EgressPolicy()
    backend = GuardedBackend(policy, resolve=names, network=internet)
    with logs.hiding(Redactor([("TOKEN", "s3cr3t-token")])):
        async with guarded_client(policy, backend=backend) as client:
            told = "s3cr3t-token" if hidden else "nothing"
            request = client.build_request("POST", "http://example.com/", json={"token": told})
            if refused:
                with pytest.raises(SecretElsewhereError):
                    await follow(client, request)
            else:
                await (await follow(client, request)).aclose()
    assert internet.ever_sent.count(told.encode()) == (1 if refused else 2)


async def test_the_way_from_http_to_https_keeps_what_was_meant_for_the_host() -> None:
    internet, policy = Internet("https://example.com/"), EgressPolicy()
    backend = GuardedBackend(policy, resolve=names, network=internet)
    async with guarded_client(policy, backend=backend) as client:
        request = client.build_request("GET", "http://example.com/", headers=SECRETS)
        await (await follow(client, request)).aclose()
    assert b"authorization: " in internet.sent.lower()
