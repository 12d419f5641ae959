"""The HTTP protocol of the server, with an end to what a client may send before a function sees it.

uvicorn over httptools keeps a request's head in memory however long it is, and waits for its end for ever.
"""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 128 * 1024
"""The longest request line and headers together; what the Functions front ends take is shorter."""
HEAD_SECONDS: Final = 30.0
"""How long a head may take to arrive, counted from its connection or from its first bytes."""
MAX_URL_BYTES: Final = 16 * 1024
MAX_HEADERS: Final = 100
_END: Final = b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_HEAD_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large" + _END  # RFC 6585, section 5
_URL_TOO_LONG: Final = b"HTTP/1.1 414 URI Too Long" + _END  # RFC 9110, section 15.5.15


class BoundedProtocol(HttpToolsProtocol):
    """One connection. A head that is too large is answered with 431 or 414, an endless one with nothing."""

    patience = HEAD_SECONDS
    """Seconds for a head to arrive."""
    _reading_head = True
    _head_bytes = 0
    _headers = 0
    _refusal = b""
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._reading_head = True
        self._headers = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_URL_BYTES:
            self._refuse(_URL_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._headers += 1
        if self._headers > MAX_HEADERS:
            self._refuse(_HEAD_TOO_LARGE)

    def on_headers_complete(self) -> None:
        self._reading_head = False
        self._head_bytes = 0
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._reading_head:
            if self._deadline is not None:
                self._stop_waiting()
        elif not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.transport.write(_HEAD_TOO_LARGE)
                self.transport.close()
            elif self._deadline is None:
                self._wait()

    def send_400_response(self, msg: str) -> None:
        """Answer what could not be parsed, or was refused while it was."""
        if not self._refusal:
            super().send_400_response(msg)
        elif not self.transport.is_closing():
            self.transport.write(self._refusal)
            self.transport.close()

    def _refuse(self, answer: bytes) -> None:
        """Stop parsing; uvicorn then asks for the answer to a request that it cannot read."""
        self._refusal = answer
        raise ValueError("the head is too large")

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(self.patience, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
