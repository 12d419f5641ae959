"""The part of ``host.json`` that has a meaning on one machine."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localhost.app.problems import Problem, StartupError
from localhost.app.settings import MissingSettingError, read_json, resolve

_HUB_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,44}\Z")
_LEVELS = {
    "Trace": logging.DEBUG,
    "Debug": logging.DEBUG,
    "Information": logging.INFO,
    "Warning": logging.WARNING,
    "Error": logging.ERROR,
    "Critical": logging.CRITICAL,
    "None": logging.CRITICAL + 1,
}


@dataclass(frozen=True, slots=True)
class HostSettings:
    """Settings of ``host.json`` (schema 2.0); the defaults are those of the Functions host."""

    route_prefix: str = "api"
    hub_name: str = "TestHubName"
    event_batch_size: int = 100
    log_level: int = logging.INFO


def read_host_json(app: Path, environment: Mapping[str, str]) -> HostSettings:
    """Read ``host.json`` of the app in ``app``.

    Raises:
        StartupError: it is absent or broken; each problem names the file and the place in it.
    """
    path = app / "host.json"
    if not path.is_file():
        mend = 'Every Functions app has one; the least is {"version": "2.0"}.'
        raise StartupError("host.json is missing.", [Problem(str(path), "no such file", mend)])
    document = read_json(path)
    problems: list[Problem] = []
    if document.get("version") != "2.0":
        problems.append(Problem(f"{path}, version", f'expected "2.0", found {document.get("version")!r}'))
    reader = _Reader(path, document, problems)
    settings = HostSettings(
        route_prefix=reader.text("extensions.http.routePrefix", "api").strip("/"),
        hub_name=reader.hub_name(environment),
        event_batch_size=reader.number("extensions.eventHubs.maxEventBatchSize", 100),
        log_level=_LEVELS.get(reader.text("logging.logLevel.default", "Information"), logging.INFO),
    )
    if problems:
        raise StartupError("host.json is not usable.", problems)
    return settings


class _Reader:
    """Typed look-ups by dotted path, gathering what is wrong."""

    def __init__(self, path: Path, document: dict[str, Any], problems: list[Problem]) -> None:
        self._path = path
        self._document = document
        self._problems = problems

    def text(self, dotted: str, default: str) -> str:
        return self._typed(dotted, str, default)

    def number(self, dotted: str, default: int) -> int:
        return self._typed(dotted, int, default)

    def hub_name(self, environment: Mapping[str, str]) -> str:
        """The task hub's name: letters and digits, at most 45 (Durable Functions documentation)."""
        dotted = "extensions.durableTask.hubName"
        written = self.text(dotted, "TestHubName")
        try:
            name = resolve(written, environment)
        except MissingSettingError as error:
            mend = f"Set {error.name} in the environment or in local.settings.json."
            self._problems.append(Problem(f"{self._path}, {dotted}", str(error), mend))
            return written
        if not _HUB_NAME.match(name):
            reason = f"{name!r} is not a task hub name (a letter, then at most 44 letters and digits)"
            self._problems.append(Problem(f"{self._path}, {dotted}", reason))
        return name

    def _typed[T](self, dotted: str, kind: type[T], default: T) -> T:
        value: Any = self._document
        for key in dotted.split("."):
            if not isinstance(value, dict):
                self._problems.append(Problem(f"{self._path}, {dotted}", f"{key!r} is not inside an object"))
                return default
            value = value.get(key)
            if value is None:
                return default
        if not isinstance(value, kind) or isinstance(value, bool):
            reason = f"expected {kind.__name__}, found {value!r}"
            self._problems.append(Problem(f"{self._path}, {dotted}", reason))
            return default
        return value
