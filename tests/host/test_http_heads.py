"""What a client may send before a function sees it."""

import asyncio
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.server import ServerState

from localhost.http.protocol import MAX_HEAD_BYTES, MAX_HEADERS, MAX_URL_BYTES, BoundedProtocol
from tests.host.running import RunningHost

GET = b"GET /items/five HTTP/1.1\r\nHost: here\r\n"


@pytest.fixture
def connection(streaming: RunningHost) -> Iterator[socket.socket]:
    address = urlsplit(streaming.url)
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port or 80), timeout=60) as opened:
        yield opened


def received(connection: socket.socket, until: bytes) -> bytes:
    """What comes until those bytes have, or the end."""
    answer = b""
    while until not in answer and (some := connection.recv(65536)):
        answer += some
    return answer


@pytest.mark.parametrize("line", [b"X: " + b"a" * 2 * MAX_HEAD_BYTES, b"X: a\r\n" * MAX_HEAD_BYTES])
def test_a_head_that_never_ends_is_answered_with_431_and_cut(connection: socket.socket, line: bytes) -> None:
    def send_on() -> None:
        for _ in range(100):
            connection.sendall(line)

    connection.sendall(GET)
    with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):
        send_on()


def test_a_head_a_little_too_long_is_told_why(connection: socket.socket) -> None:
    connection.sendall(GET + b"X: " + b"a" * MAX_HEAD_BYTES)
    assert received(connection, b"close").startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (GET + b"X: a\r\n" * (MAX_HEADERS - 1), b"200"),
        (GET + b"X: a\r\n" * MAX_HEADERS, b"431"),
        (b"GET /items/five?" + b"q" * (MAX_URL_BYTES - 20) + b" HTTP/1.1\r\nHost: here\r\n", b"200"),
        (b"GET /items/five?" + b"q" * MAX_URL_BYTES + b" HTTP/1.1\r\nHost: here\r\n", b"414"),
    ],
)
def test_fields_and_address_of_a_head_are_bounded(
    connection: socket.socket, head: bytes, status: bytes
) -> None:
    connection.sendall(head + b"\r\n")
    answer = received(connection, b"}" if status == b"200" else b"close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status)
    if status != b"200":
        assert received(connection, b"never") == b"", "the connection is closed"


def test_no_answer_tells_what_serves_it(connection: socket.socket) -> None:
    connection.sendall(GET + b"\r\n")
    answer = received(connection, b"}").lower()
    assert b"\r\nserver:" not in answer
    assert b"x-powered-by" not in answer


def test_every_head_of_a_connection_may_have_the_full_length(connection: socket.socket) -> None:
    head = GET + b"X: " + b"a" * (MAX_HEAD_BYTES - 1000) + b"\r\n\r\n"
    for _ in range(3):
        connection.sendall(head)
        assert received(connection, b'{"name":"five"}').startswith(b"HTTP/1.1 200 ")


def test_a_long_body_is_not_a_long_head(connection: socket.socket) -> None:
    body = b"b" * 4 * MAX_HEAD_BYTES
    length = str(len(body)).encode()
    connection.sendall(
        b"POST /items HTTP/1.1\r\nHost: here\r\nContent-Length: " + length + b"\r\n\r\n" + body
    )
    assert received(connection, body).startswith(b"HTTP/1.1 201 ")


class Impatient(BoundedProtocol):
    patience = 0.1


@pytest.mark.parametrize("sent", [b"", GET, GET + b"\r\n" + GET])
async def test_a_head_that_does_not_arrive_is_not_waited_for(sent: bytes) -> None:
    config = uvicorn.Config(PlainTextResponse("here"), lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: Impatient(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(sent)
        answered = await asyncio.wait_for(reader.read(), timeout=60)
        assert answered.count(b"HTTP/1.1 200") == sent.count(b"\r\n\r\n")
        writer.close()
