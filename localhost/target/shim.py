"""Runs one program and sees that it does not outlive the host: ``shim.py GRACE PROGRAM [ARGUMENT…]``.

The host holds the other end of this process's standard input. When that closes, because the host says so or
because it is gone however it died, the program's whole process group is told to end (SIGTERM) and made to
(SIGKILL) after GRACE seconds. Otherwise this ends when the program does, with its status.

It imports little, so that it starts in a few milliseconds.
"""

import contextlib
import os
import select
import signal
import sys
import time


def main(grace: float, command: list[str]) -> int:
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):  # the host's terminal is not the program's
        signal.signal(number, signal.SIG_IGN)
    program = _start(command)
    watched, until = [wake, 0], float("inf")
    while True:
        done, status = os.waitpid(program, os.WNOHANG)
        if done:
            _signal(program, signal.SIGKILL)  # what it has left behind in its group
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if time.monotonic() >= until:
            _signal(program, signal.SIGKILL)
            until = float("inf")
        readable, _, _ = select.select(watched, [], [], min(until - time.monotonic(), 3600.0))
        if wake in readable:
            os.read(wake, 64)
        if 0 in readable and not os.read(0, 64):
            _signal(program, signal.SIGTERM)
            watched, until = [wake], time.monotonic() + grace


def _start(command: list[str]) -> int:
    program = os.fork()
    if program:
        return program
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    try:
        os.execvp(command[0], command)  # noqa: S606 - what it is for; nothing goes through a shell
    except OSError as error:
        os.write(2, f"{command[0]} cannot be started: {error.strerror}\n".encode())
        os._exit(127)


def _signal(program: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(program, number)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
