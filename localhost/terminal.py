"""What a person at the terminal sees: the table at start, and the log lines."""

import logging
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from localhost.app.functions import Function
from localhost.app.rules import full_template, methods
from localhost.host import Host
from localhost.welcome import Welcome
from shared.logs import JsonLines

_LEVEL_COLOURS = {logging.WARNING: "33", logging.ERROR: "31", logging.CRITICAL: "31"}

_TALKATIVE = (
    "azure.core",
    "azure.cosmos",
    "azure.durable_functions",
    "azure.eventhub",
    "azure.functions",
    "azure.identity",
    "azure_functions_runtime",
    "durabletask",
    "httpx",
    "uvicorn",
)
"""Libraries whose INFO is their own business."""


class _LineFormatter(logging.Formatter):
    """One line per record (its traceback follows it), with the time to the millisecond."""

    def __init__(self, *, colour: bool) -> None:
        super().__init__("%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        code = _LEVEL_COLOURS.get(record.levelno)
        return f"\x1b[{code}m{line}\x1b[0m" if self._colour and code else line


def set_up_logging(level: int, format: str = "text") -> None:
    """Send all logs to stderr from ``level`` up; libraries that say much at INFO start at WARNING.

    ``format``: ``text`` for people, ``json`` for machines.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if format == "json" else _LineFormatter(colour=_colours(sys.stderr)))
    root = logging.getLogger()
    for other in [one for one in root.handlers if isinstance(one, logging.StreamHandler)]:
        root.removeHandler(other)  # else every line is written twice; handlers to other places stay
    root.addHandler(handler)
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def announce(host: Host, output: TextIO, welcome: Welcome | None = None, *, details: bool = False) -> None:
    """Print what runs and where: in a few lines for who is welcomed, or all that there is."""
    bold = _style(output, "1")
    faint = _style(output, "2")
    name = welcome.title if welcome else host.app.name
    print(f"\n  {bold(name)} {faint('on')} {bold(host.base_url)}\n", file=output)
    if welcome is None or details:
        _print_details(host, output)
    if welcome is not None:
        width = max(len(word) for word, _ in welcome.lines)
        for word, text in welcome.lines:
            print(f"  {faint(word.ljust(width))}  {text}", file=output)
        print(file=output)
    print(
        f"  {faint(f'data in {_short(host.data)}; what is logged follows; Ctrl+C stops')}\n",
        file=output,
        flush=True,
    )


def _print_details(host: Host, output: TextIO) -> None:
    bold = _style(output, "1")
    faint = _style(output, "2")
    for title, lines in _sections(host):
        if lines:
            print(f"  {bold(title)}", file=output)
            for line in lines:
                print(f"    {line}", file=output)
            print(file=output)
    print(f"  {faint('keys')}  {_shown(host.data / 'keys.json')}", file=output)
    if host.grpc_address:
        print(f"  {faint('gRPC')}  {host.grpc_address} (task hub {host.app.settings.hub_name})", file=output)
    print(file=output)


def _sections(host: Host) -> Iterable[tuple[str, list[str]]]:
    app = host.app
    own = [function for function in app.functions if not function.is_built_in]
    http = [function for function in own if function.trigger.type == "httpTrigger"]
    yield "HTTP", _table([_http_row(host, function) for function in http])
    for title, kind in (
        ("Orchestrations", "orchestration"),
        ("Activities", "activity"),
        ("Entities", "entity"),
    ):
        names = sorted(function.durable_name for function in own if function.durable_kind == kind)
        yield title, [", ".join(names)] if names else []
    timers = app.by_trigger("timerTrigger")
    yield (
        "Timers",
        _table([(function.name, str(function.trigger.properties["schedule"])) for function in timers]),
    )
    fed = [*app.by_trigger("cosmosDBTrigger"), *app.by_trigger("eventHubTrigger")]
    yield "Feeds", _table([(function.name, _source_name(function)) for function in fed])
    yield "Switched off", list(app.disabled)


def _http_row(host: Host, function: Function) -> tuple[str, ...]:
    level = str(function.trigger.properties.get("authLevel") or "function").lower()
    verbs = ",".join(sorted(methods(function))) or "any"
    url = f"{host.base_url}/{full_template(function, host.app.settings.route_prefix)}"
    return function.name, verbs, url, "" if level == "anonymous" else f"[{level} key]"


def _source_name(function: Function) -> str:
    properties = function.trigger.properties
    return str(properties.get("containerName") or properties.get("eventHubName") or "")


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _short(path: Path) -> Path:
    """As it is from here, where it is below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _shown(path: Path) -> str:
    return f"{path} (readable by you alone)"


def _style(output: TextIO, code: str) -> "_Style":
    return _Style(code if _colours(output) else "")


class _Style:
    def __init__(self, code: str) -> None:
        self._code = code

    def __call__(self, text: str) -> str:
        return f"\x1b[{self._code}m{text}\x1b[0m" if self._code else text


def _colours(output: TextIO) -> bool:
    return output.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
