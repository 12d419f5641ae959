"""A small JSON file of this host's own progress: when timers last ran, how far feeds have been read."""

import json
import logging
from pathlib import Path
from typing import Any

_log = logging.getLogger("localhost.state")


class StateFile:
    """A JSON object by key, replaced as a whole at each change.

    A process that is killed leaves the old or the new file. After a power failure the last changes may be
    missing, which timers and feeds (at least once) allow.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, Any] = {}
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
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps(self._values, indent=1))
        draft.replace(self._path)
