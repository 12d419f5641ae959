"""``python -m tests.eventhubs [port] [hub]``: a peer to develop against.

It prints its connection string and, when it is told to end, what it was sent, as JSON.
"""

import asyncio
import json
import signal
import sys

from tests.eventhubs.hub import Hub
from tests.eventhubs.peer import Peer


async def serve(port: int = 0, hub: str = "quantum") -> None:
    peer = Peer(Hub(hub))
    peer.port = port
    ended = asyncio.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(ending, ended.set)
    await peer.start()
    print(f"{peer.connection_string()}EntityPath={hub}", flush=True)
    await ended.wait()
    await peer.stop()
    sent = [len(delivery.events) for delivery in peer.deliveries]
    print(json.dumps({"events": sum(sent), "deliveries": len(sent)}))


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0, *sys.argv[2:3]))
