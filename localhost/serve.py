"""``serve``: run one app until a signal stops it."""

import asyncio
import fcntl
import gc
import json
import logging
import os
import signal
import socket
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop

from localhost.app.functions import LoadedApp
from localhost.app.loading import load_app
from localhost.app.problems import Problem, StartupError
from localhost.host import Host
from localhost.http.server import Server, bind
from localhost.services import LocalServices, local_services
from localhost.sqlite.writer import StorageUnavailableError
from localhost.terminal import announce, set_up_logging
from localhost.triggers.feeds import Source
from shared.domain.errors import QuantumError, UnavailableError
from shared.security.origins import is_loopback
from shared.settings import log_format
from shared.settings_values import SettingsError

REQUEST_GRACE, HUB_GRACE = 5.0, 10.0
"""Seconds for requests in flight and for work in flight, once the host is told to stop."""

COLLECT_AFTER = (20_000, 20, 20)
"""When garbage is collected. What a request or a step leaves behind is freed by counting; looking for cycles
every 2,000 objects, Python's own measure, took a sixth of the time of a host under load."""

_log = logging.getLogger("localhost")


@dataclass(frozen=True, slots=True)
class Options:
    """The command line of ``serve``."""

    app: Path
    data: Path
    host: str
    port: int
    ready_file: Path | None = None
    admin: tuple[str, str] | None = None
    """A user, and the tenant to administer; made if nobody signs in here yet."""
    details: bool = False
    """Whether to print all that is served, too."""


def serve(options: Options) -> None:
    """Load the app and serve it until SIGTERM or SIGINT; a second signal ends the process at once.

    Raises:
        StartupError: the app, its configuration, the data folder or the address cannot be used.
    """
    data = _data_folder(options.data)
    lock = _lock(data)
    listener = bind(options.host, options.port)
    base_url = base_url_of(options.host, listener.getsockname()[1], machine=socket.gethostname())
    _tell_app(data, base_url)
    app = load_app(options.app.resolve())
    if options.admin is not None:
        _make_admin(data, base_url, *options.admin)
    set_up_logging(app.settings.log_level, _log_format())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(app, data, base_url, listener, options))
    os.close(lock)


async def _run(app: LoadedApp, data: Path, base_url: str, listener: socket.socket, options: Options) -> None:
    stopping = _signals()
    services = local_services(data, base_url)
    host = Host(
        app,
        data,
        base_url,
        sources=services.sources,
        extra_routes=services.routes,
        closers=services.closers,
    )
    await _look_at_sources(services)
    try:
        await host.start(services.hub_factory)
    except (sqlite3.Error, StorageUnavailableError) as error:
        problem = Problem(str(data), str(error), "Look at its disk space and at who may write there.")
        raise StartupError("The data folder cannot be used.", [problem]) from error
    server = Server(host.asgi, listener, grace=REQUEST_GRACE)
    await server.start()
    gc.freeze()  # modules and functions for ever: later collections need not look at them
    gc.set_threshold(*COLLECT_AFTER)
    gc.enable()
    try:
        announce(host, sys.stdout, services.welcome, details=options.details)
    except BrokenPipeError:  # whoever read it has gone (`| head`): no reason not to serve
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if options.ready_file is not None:
        _write_ready_file(options.ready_file, host)
    host.start_triggers()
    background = [asyncio.create_task(work()) for work in services.background]
    await stopping.wait()
    _log.info("stopping: finishing what is in flight; a second signal stops at once")
    host.end_streams()
    await host.settle(HUB_GRACE)
    await server.stop()
    for task in background:
        task.cancel()
    ended = await host.stop()
    _log.info("stopped")
    if not ended:
        _log.warning("a function was still running on a thread, and ends with the process")
        logging.shutdown()
        os._exit(0)  # the interpreter would wait for that thread for ever


async def _look_at_sources(services: LocalServices) -> None:
    """Find out now, and not at the first request, whether stores that are elsewhere can be used."""
    told = await asyncio.gather(*map(_problem_of, services.sources.values()))
    # Several sources may be in one place: what is wrong with it is said once.
    if reasons := dict.fromkeys(reason for reason in told if reason):
        for close in services.closers:
            await close()
        mend = "Look at the settings CosmosDBConnection… and EventHubConnection…, and whether that is up."
        problems = [Problem("stores", reason, mend) for reason in reasons]
        raise StartupError("The stores that the settings name cannot be used.", problems)


async def _problem_of(source: Source[Any]) -> str:
    try:
        await source.partitions()
    except UnavailableError as error:
        return str(error)
    return ""


def _log_format() -> str:
    try:
        return log_format(os.environ)
    except SettingsError as error:
        raise StartupError(str(error)) from error


def _data_folder(path: Path) -> Path:
    data = path.resolve()
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(data, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        mend = "--data takes a folder that you may write to."
        problem = Problem(str(data), str(error.strerror or error), mend)
        raise StartupError("The data folder cannot be used.", [problem]) from error
    return data


def _lock(data: Path) -> int:
    """Keep a second host off the same data; the system lets go of the lock when the process ends, however."""
    path = data / "host.lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        reason = f"another host (process {path.read_text() or 'unknown'}) has it in use"
        problem = Problem(str(data), reason, "Stop that one, or choose another folder with --data.")
        os.close(lock)
        raise StartupError("The data folder cannot be used.", [problem]) from error
    os.truncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    return lock


def base_url_of(host: str, port: int, *, machine: str) -> str:
    """The address to tell people: this machine's name if the host listens on all of its addresses.

    A machine that is named as loopback is has no such name: what goes by the address, the local issuer and
    what steps may call, would take the host for one that nobody else reaches.
    """
    everywhere = host in {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
    name = machine if everywhere and not is_loopback(machine) else host
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _tell_app(data: Path, base_url: str) -> None:
    """What the platform's own app reads to find its local adapters; other apps ignore it."""
    os.environ["QUANTUM_DATA"] = str(data)
    os.environ["QUANTUM_HOST_URL"] = base_url
    if is_loopback(urlsplit(base_url).hostname):  # whoever asks is on this machine, and sees its folders
        os.environ.setdefault("QUANTUM_CONTEXTS", str(Path.cwd()))
        # The local issuer, which signs nobody in elsewhere (localhost.identity.issuer).
        os.environ.setdefault("QUANTUM_CONSOLE_ISSUER", f"{base_url}/identity")
    os.environ.setdefault("QUANTUM_ADAPTERS", "localhost")
    # What is started is other programs; gRPC would say at each of them that it cannot follow.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")


def _make_admin(data: Path, base_url: str, user: str, tenant: str) -> None:
    from localhost.identity.issuer import NotLocalError, require_local  # for those who ask for it
    from localhost.identity.token import make_first_admin, settings_of_host

    try:
        require_local(base_url)
        make_first_admin(settings_of_host(data, os.environ), tenant=tenant, user=user)
    except (NotLocalError, QuantumError) as error:
        told = [Problem(one.pointer[1:], one.message) for one in getattr(error, "errors", ())]
        raise StartupError(f"--admin {user}@{tenant} cannot be made: {error}", told) from error


def _signals() -> asyncio.Event:
    """An event that the first SIGTERM or SIGINT sets; the second ends the process."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stopping.is_set():
            os._exit(130)  # asked twice: nothing may hold the process any more
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    return stopping


def _write_ready_file(path: Path, host: Host) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(json.dumps({"url": host.base_url, "pid": os.getpid(), "grpc": host.grpc_address}))
    draft.replace(path)
