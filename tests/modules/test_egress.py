"""The egress rule, and the connections that keep to it."""

import asyncio
import ipaddress
import socket
from typing import Any

import httpcore
import httpx
import pytest

from shared.modules.egress import MAX_ADDRESSES, EgressRefusedError, GuardedBackend, guarded_client
from shared.security.addresses import LOOPBACK
from shared.security.egress import EgressPolicy

REFUSED = [
    *("127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.5.4", "192.168.1.1", "0.0.0.0", "255.255.255.255"),
    *(
        "169.254.169.254",
        "168.63.129.16",
        "100.64.0.1",
        "100.100.100.200",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
    ),
    *("240.0.0.1", "::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:168.63.129.16", "::7f00:1", "2002:7f00:1::"),
    *("64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2001::1"),
]
REACHED = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", REFUSED)
def test_what_is_not_public_is_refused(address: str) -> None:
    refusal = EgressPolicy().refusal("build.example", 80, ipaddress.ip_address(address))
    assert refusal is not None
    assert refusal.startswith("build.example is at a ")
    assert address not in refusal


@pytest.mark.parametrize("address", REACHED)
def test_what_is_public_is_reached(address: str) -> None:
    assert EgressPolicy().refusal("build.example", 80, ipaddress.ip_address(address)) is None


def test_an_operator_may_allow_networks_and_hosts() -> None:
    policy = EgressPolicy.allowing(["10.1.0.0/16", "fd00::/8", "Build.internal:8080", "[::1]:9000"])
    inside, outside = ipaddress.ip_address("10.1.2.3"), ipaddress.ip_address("10.2.0.1")
    assert policy.refusal("x", 80, inside) is None
    assert policy.refusal("x", 80, ipaddress.ip_address("fd00::5")) is None
    assert policy.refusal("x", 80, outside)
    assert policy.refusal("build.internal.", 8080, outside) is None
    assert policy.refusal("build.internal", 80, outside)
    assert policy.refusal("::1", 9000, ipaddress.ip_address("::1")) is None


@pytest.mark.parametrize("entry", ["nonsense", "10.0.0.1/8", "host:port", ""])
def test_an_entry_that_is_neither_is_an_error(entry: str) -> None:
    with pytest.raises(ValueError, match=r"does not appear|has host bits"):
        EgressPolicy.allowing([entry])


class Names:
    """A resolver that says what the test wants, something else each time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def __call__(self, host: str, port: int) -> list[str]:
        return self.answers.pop(0)


class Network(httpcore.AsyncNetworkBackend):
    """Connects to nothing and remembers where to."""

    def __init__(self, *, unreachable: frozenset[str] = frozenset()) -> None:
        self.asked: list[str] = []
        self.unreachable = unreachable

    async def connect_tcp(self, host: str, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        self.asked.append(host)
        if host in self.unreachable:
            raise httpcore.ConnectError("no")
        return httpcore.AsyncMockStream([])


async def test_a_name_is_resolved_once_and_exactly_that_address_is_connected_to() -> None:
    network = Network()
    backend = GuardedBackend(EgressPolicy(), resolve=Names(["8.8.8.8"], ["127.0.0.1"]), network=network)
    await backend.connect_tcp("rebinding.example", 80)
    assert network.asked == ["8.8.8.8"]
    with pytest.raises(EgressRefusedError):
        await backend.connect_tcp("rebinding.example", 80)
    assert network.asked == ["8.8.8.8"]


async def test_one_private_address_among_public_ones_refuses_the_name() -> None:
    network = Network()
    backend = GuardedBackend(EgressPolicy(), resolve=Names(["8.8.8.8", "10.0.0.1"]), network=network)
    with pytest.raises(EgressRefusedError, match="private"):
        await backend.connect_tcp("mixed.example", 80)
    assert network.asked == []


async def test_the_next_address_is_tried_when_one_cannot_be_reached() -> None:
    network = Network(unreachable=frozenset({"8.8.8.8"}))
    backend = GuardedBackend(EgressPolicy(), resolve=Names(["8.8.8.8", "1.1.1.1"]), network=network)
    await backend.connect_tcp("two.example", 80)
    assert network.asked == ["8.8.8.8", "1.1.1.1"]


async def test_no_more_than_some_addresses_are_tried() -> None:
    many = [f"8.8.8.{last}" for last in range(100)]
    network = Network(unreachable=frozenset(many))
    backend = GuardedBackend(EgressPolicy(), resolve=Names(many), network=network)
    with pytest.raises(httpcore.ConnectError):
        await backend.connect_tcp("many.example", 80)
    assert network.asked == many[:MAX_ADDRESSES]


async def test_a_name_that_is_not_resolved_in_time_is_a_connection_that_took_too_long() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        raise AssertionError

    backend = GuardedBackend(EgressPolicy(), resolve=resolve, network=Network())
    with pytest.raises(httpcore.ConnectTimeout, match=r"slow\.example was not resolved in time"):
        await backend.connect_tcp("slow.example", 80, timeout=0)


async def test_the_systems_resolver_is_asked_by_default() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        backend = GuardedBackend(EgressPolicy.allowing(["127.0.0.0/8"]))
        stream = await asyncio.wait_for(backend.connect_tcp("127.0.0.1", port), 60)
        await stream.aclose()


async def asked_of_one_that_hangs_up(method: str, *, answers: int) -> tuple[int, list[str]]:
    """Ask twice what ends each connection after so many requests; the last status, and what was sent."""
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(answers):
            seen.append((await reader.readuntil(b"\r\n\r\n")).split()[0].decode())
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        if head := await reader.read(65536):
            seen.append(f"{head.split()[0].decode()} lost")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, guarded_client(EgressPolicy.allowing(LOOPBACK)) as client:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for _ in range(2):
            response = await client.request(method, url)
    return response.status_code, seen


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_what_a_kept_connection_loses_is_sent_again_if_that_changes_nothing(method: str) -> None:
    assert await asked_of_one_that_hangs_up(method, answers=1) == (204, [method, f"{method} lost", method])


async def test_what_may_have_been_done_is_not_sent_again() -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await asked_of_one_that_hangs_up("POST", answers=1)


async def test_what_a_new_connection_loses_is_for_the_step_to_send_again() -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await asked_of_one_that_hangs_up("GET", answers=0)


async def test_a_call_that_is_given_up_while_tls_begins_leaves_no_connection_open() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)  # the client's first word, which is never answered
        begun.set()
        while await reader.read(4096):
            pass
        ended.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, guarded_client(EgressPolicy.allowing(LOOPBACK)) as client:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        calling = asyncio.create_task(client.get(url))
        await begun.wait()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        async with asyncio.timeout(60):
            await ended.wait()
