"""Runs the server by itself: ``python -m tests.cosmos [port]``.

It prints what a client needs as JSON and, when it is told to end, what it was asked for.
"""

import json
import signal
import sys

from shared.adapters.cosmos.containers import DEFINITIONS
from tests.cosmos.server import CosmosServer

DATABASE = "quantum"


def main() -> None:
    # Before the server's thread starts: it inherits what is blocked, and this one waits for it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    server = CosmosServer(port=int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    server.make(DATABASE, DEFINITIONS)
    print(json.dumps({"endpoint": server.endpoint, "key": server.key, "database": DATABASE}), flush=True)
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    server.close()
    print(json.dumps(server.counted()))


if __name__ == "__main__":
    main()
