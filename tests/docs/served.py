"""`quantum` without its start: a process that has all of it loaded, of which each command is a copy.

Pages have some hundred commands to type, and a third of a second of each would be spent on imports. As the
server: ``python -m tests.docs.served --serve SOCKET``; as the command: ``python served.py SOCKET WORDS…``, in
which the caller's files, folder and environment go along and the exit status comes back.
"""

import json
import os
import signal
import socket
import sys
from pathlib import Path


def ask(place: str, words: list[str]) -> int:
    """Have the server do a command; its exit status."""
    told = json.dumps({"words": words, "folder": str(Path.cwd()), "environment": dict(os.environ)}).encode()
    with socket.socket(socket.AF_UNIX) as there:
        there.connect(place)
        socket.send_fds(there, [len(told).to_bytes(4, "big")], [0, 1, 2])
        there.sendall(told)
        return int(there.makefile().readline() or 1)


def serve(place: str) -> None:
    """Load the command, and be copied for each that is asked for."""
    import quantum.cli.main
    import quantum.client.sign_in
    import quantum.client.tokens  # noqa: F401  # what most commands come to load

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place)
        listener.listen(64)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the copies
        while True:
            there, _ = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _answer(there)
                os._exit(0)
            there.close()


def _answer(there: socket.socket) -> None:
    size, files, _, _ = socket.recv_fds(there, 4, 3)
    told = json.loads(there.makefile("rb").read(int.from_bytes(size, "big")))
    # A command may become another program, so somebody else waits for how it ends.
    if (command := os.fork()) == 0:
        there.close()
        _become(files, **told)
    _, status = os.waitpid(command, 0)
    there.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(files: list[int], *, words: list[str], folder: str, environment: dict[str, str]) -> None:
    for here, file in enumerate(files):
        os.dup2(file, here)
        os.set_inheritable(here, True)
        os.close(file)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115  # until it ends
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["quantum", *words]
    from quantum.cli.main import main

    status = 0
    try:
        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(sys.argv[2])
    else:
        sys.exit(ask(sys.argv[1], sys.argv[2:]))
