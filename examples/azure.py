"""Cosmos DB and Event Hubs without Azure: the servers of the tests, as processes of their own.

The platform talks to them by the vendor's SDKs, over HTTP and AMQP, as it does to Azure.
"""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version

from examples.hosting import ROOT, STOP_SECONDS, HostError

HUB = "events"


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs: ``told`` says who talks to it, ``settings`` are what a host needs to do so."""

    told: str
    settings: Mapping[str, str]
    process: subprocess.Popen[str]

    def stop(self) -> Mapping[str, float]:
        """End it, with everything that it keeps; what it has counted."""
        self.process.send_signal(signal.SIGTERM)
        try:
            output, _ = self.process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            output, _ = self.process.communicate()
        counted: Mapping[str, float] = json.loads(output or "{}")
        return counted


def cosmos() -> Server:
    """The Cosmos DB server, and a host's settings for it. Raises HostError when it does not start."""
    process, line = _started("tests.cosmos")
    found = json.loads(line)
    settings = {
        "QUANTUM_DOCUMENTS": "cosmos",
        "CosmosDBConnection": f"AccountEndpoint={found['endpoint']};AccountKey={found['key']};",
    }
    told = f"Documents: azure-cosmos {version('azure-cosmos')} → {found['endpoint']} (python -m tests.cosmos)"
    return Server(told, settings, process)


def eventhubs() -> Server:
    """The Event Hubs peer, likewise."""
    process, line = _started("tests.eventhubs", "0", HUB)
    settings = {"QUANTUM_EVENTS": "eventhubs", "EventHubConnection": line}
    address = re.findall("sb://([^;/]+)", line)[0]
    told = f"Events: azure-eventhub {version('azure-eventhub')} → {address} (python -m tests.eventhubs)"
    return Server(told, settings, process)


SERVERS: Mapping[str, Callable[[], Server]] = {"cosmos": cosmos, "eventhubs": eventhubs}


@contextmanager
def running(*names: str, say: Callable[[str], None] = print) -> Iterator[list[Server]]:
    """The servers of these names; at the end, however it comes, they stop and say what they have counted.

    Raises:
        HostError: one does not start.
    """
    servers: list[Server] = []
    try:
        for name in names:
            servers.append(SERVERS[name]())
            say(servers[-1].told)
        yield servers
    finally:
        for server in servers:
            counted = ", ".join(f"{count:g} {what}" for what, count in server.stop().items())
            say(f"{server.told.partition(' (')[0]}: {counted}")


def _started(module: str, *arguments: str) -> tuple[subprocess.Popen[str], str]:
    """The process, and the line in which it says how to reach it."""
    # A session of its own: whoever interrupts the demo has the host stop first.
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        raise HostError(f"python -m {module} did not start")
    return process, line
