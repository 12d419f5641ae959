"""What more than one suite shares: surroundings, and the stores that the platform's own tests run over."""

import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cosmos.server import CosmosServer
    from tests.keyvault.server import KeyVaultServer

MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3
"""Bytes that have to be free there: containers have little of it by default."""
QUICK = {"domain", "infra", "security"}
"""Folders whose tests take milliseconds each."""
TOGETHER = {"tests/console"}
"""Folders whose files share a host, a browser, and who has signed in there: seconds of CPU each time."""

CONNECTED = {
    "client",
    "contracts",
    "cosmos",
    "eventhubs",
    "faults",
    "http",
    "identity",
    "keyvault",
    "kubernetes",
}
"""Folders whose tests have connections in this process."""


def pytest_configure() -> None:
    """Have the tests, and the processes that they start, run in the same surroundings wherever they are."""
    gc.disable()  # until all is collected: what is imported stays, and looking through it finds nothing
    # A store synchronises its file for every transaction. No test cuts the power: processes are killed.
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        tempfile.tempdir = str(MEMORY)
    # Where it is not written, each host that a test starts would compile the whole platform.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # readline, which pytest loads, says by them how wide its terminal is; programs in others believe it.
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
    # Suites share hosts and users, and send more in a minute than a user may; tests of the limits set them.
    os.environ |= {"QUANTUM_RATE_LIMIT_HOUR": "0", "QUANTUM_RATE_LIMIT_BURST": "0"}
    os.environ |= {"QUANTUM_FAILED_SIGN_INS": "0", "QUANTUM_ANONYMOUS_REQUESTS": "0"}
    # What a shell starts in the background ignores Ctrl-C, and so would the processes that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """Three workers for two cores: a third of their time they wait, for hosts, browsers and faults."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + (cores + 1) // 2


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``--dist loadfile``, keep together what is tried in one browser, too, not only each file."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # it has no types

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # as its base
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            folder = file.rpartition("/")[0]
            return folder if folder in TOGETHER else file

    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let files of many quick tests come last, so that all workers come to their ends together."""
    items.sort(key=lambda item: item.path.parent.name in QUICK)


def pytest_collection_finish() -> None:
    """Look for garbage among what tests make, seldom: what was imported and collected stays to the end.

    A fifth of the time of the tests went into looking through a million objects again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()


@pytest.fixture(scope="module", autouse=True)
def leavings(request: pytest.FixtureRequest) -> Iterator[None]:
    """Find a connection that nobody has closed in the file that has left it, not in the next one or later."""
    yield
    if request.path.parent.name in CONNECTED:
        gc.collect()


@pytest.fixture(scope="session")
def cosmos_server() -> "Iterator[CosmosServer]":
    from tests.cosmos.server import CosmosServer  # loads the SDK: a second, for the tests that want it

    server = CosmosServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def keyvault_server(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[KeyVaultServer]":
    from tests.keyvault.server import KeyVaultServer  # for the tests that want it

    server = KeyVaultServer(tmp_path_factory.mktemp("keyvault"))
    yield server
    server.close()


@pytest.fixture
def store(request: pytest.FixtureRequest) -> str:
    """What keeps the documents: SQLite, unless the test is marked with ``BOTH_STORES``."""
    return str(getattr(request, "param", "sqlite"))
