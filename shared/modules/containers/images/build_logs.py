"""The log of a build: its beginning and its end, however much there is in between."""

from collections import deque
from typing import Final

FIRST: Final = 256 * 1024
LAST: Final = 768 * 1024
"""Bytes of the beginning, and of the end, that are kept."""
MAX_LINE: Final = 4000


class BuildLog:
    """Lines, as they come; safe to write from a thread while nobody else does."""

    def __init__(self) -> None:
        self._first: list[str] = []
        self._last: deque[str] = deque()
        self._first_bytes = self._last_bytes = self._left_out = 0

    def write(self, line: str) -> None:
        line = "".join(c if c.isprintable() or c == "\t" else "·" for c in line.rstrip("\r\n"))[:MAX_LINE]
        size = len(line.encode(errors="replace")) + 1
        if not self._last and self._first_bytes + size <= FIRST:
            self._first.append(line)
            self._first_bytes += size
            return
        self._last.append(line)
        self._last_bytes += size
        while self._last_bytes > LAST:
            self._last_bytes -= len(self._last.popleft().encode(errors="replace")) + 1
            self._left_out += 1

    def tail(self, lines: int) -> str:
        """Its last lines."""
        return "\n".join([*self._first, *self._last][-lines:])

    def text(self) -> bytes:
        """All that is kept."""
        left_out = [f"({self._left_out} lines are left out)"] if self._left_out else []
        text = "\n".join([*self._first, *left_out, *self._last])
        return f"{text}\n".encode(errors="replace")
