"""A small JSON file of this host's own progress: when timers last ran, how far feeds have been read."""

import asyncio
import json
import logging
import threading
from pathlib import Path
from typing import Any

SOON = 0.25
"""Seconds in which changes that may wait are written together."""

_log = logging.getLogger("localhost.state")


class StateFile:
    """A JSON object by key, replaced as a whole at each change.

    A process that is killed leaves the old or the new file. After a power failure the last changes may be
    missing, which timers and feeds (at least once) allow.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, Any] = {}
        self._writing = threading.Lock()
        self._soon: asyncio.TimerHandle | None = None
        try:
            read = json.loads(path.read_bytes())
            self._values = read if isinstance(read, dict) else {}
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            _log.warning("%s is not readable and starts empty: %s", path, error)

    def get(self, key: str) -> Any:
        """The value under ``key``, or None."""
        return self._values.get(key)

    def set(self, key: str, value: Any) -> None:
        """Store ``value`` (JSON) under ``key``.

        Raises:
            OSError: the file cannot be written; the old one is untouched.
        """
        self._values[key] = value
        self._write()

    def set_soon(self, key: str, value: Any) -> None:
        """Store ``value`` (JSON) under ``key``; the file has it within ``SOON`` seconds, or :meth:`flush`.

        For what changes often: replacing a file takes a millisecond or two, in which the event loop would
        stand still. A process that is killed before then loses the change.
        """
        self._values[key] = value
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(SOON, self._write_on_thread)

    def flush(self) -> None:
        """Write what :meth:`set_soon` has put off."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
            self._write_or_tell()

    def _write_on_thread(self) -> None:
        self._soon = None
        asyncio.get_running_loop().run_in_executor(None, self._write_or_tell)

    def _write_or_tell(self) -> None:
        try:
            self._write()
        except OSError as error:
            _log.error("%s cannot be written and stays behind: %s", self._path, error)

    def _write(self) -> None:
        with self._writing:  # what is written last is then what there is now, whoever writes
            draft = self._path.with_suffix(".new")
            draft.write_text(json.dumps(self._values.copy(), indent=1))
            draft.replace(self._path)
