"""A terminal of its own for a program, as a person has one."""

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence

import psutil

ROWS, COLUMNS = 40, 110
SECONDS = 60
TOLD = 1500
"""Characters of what it wrote last that a failure tells."""


class Terminal:
    """Runs a program in a pseudo-terminal; what it writes is in ``text``."""

    def __init__(
        self, words: Sequence[str], environment: Mapping[str, str], *, columns: int = COLUMNS
    ) -> None:
        self._master, slave = os.openpty()
        self.resize(columns)
        self.process = subprocess.Popen(
            words,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color", **environment},
            start_new_session=True,
            # So that Ctrl-C is a signal to it. It is one call, which takes no lock.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )
        os.close(slave)
        self.text = ""

    def resize(self, columns: int) -> None:
        """Make it so wide; the program is told."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))

    def until(self, pattern: str) -> None:
        """Read until it has written that."""
        deadline = time.monotonic() + SECONDS
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, (pattern, self.text[-TOLD:])
            assert self._read(), (pattern, self.text[-TOLD:])

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def interrupt(self) -> None:
        """Type Ctrl-C, once it waits.

        Python looks for signals between its instructions. One that comes behind the last look, before the
        call that waits has begun, is seen when that call is over: a person types Ctrl-C again. It is not
        typed twice here: a program that wants that would pass, and one that is ending be interrupted in it.
        """
        deadline = time.monotonic() + SECONDS
        # Elsewhere the system says of a process that waits that it runs.
        while sys.platform == "linux" and psutil.Process(self.process.pid).status() == psutil.STATUS_RUNNING:
            assert time.monotonic() < deadline, self.text[-TOLD:]
            self._read(0.01)
        self.type("\x03")

    def end(self) -> int:
        """Read to the end; the exit status."""
        while self._read():
            pass
        os.close(self._master)
        return self.process.wait(SECONDS)

    def _read(self, seconds: float = SECONDS) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            found = os.read(self._master, 65536)
        except OSError:  # how Linux says that the other side is closed
            return False
        self.text += found.decode(errors="replace")
        return bool(found)
