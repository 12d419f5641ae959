"""App settings: the environment, with ``local.settings.json`` under it."""

import json
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from localhost.app.problems import Problem, StartupError

_PLACEHOLDER = re.compile(r"%([^%]+)%")


class MissingSettingError(LookupError):
    """A ``%NAME%`` names a setting that is neither in the environment nor in local.settings.json."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"the setting {name} is not set")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object from ``path``.

    Raises:
        StartupError: it cannot be read or is not a JSON object; the message has file, line and reason.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        place = f"{path}, line {error.lineno}, column {error.colno}"
        raise StartupError(f"{path.name} is not valid JSON.", [Problem(place, error.msg)]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"{path.name} cannot be read.", [Problem(str(path), str(error))]) from error
    if not isinstance(document, dict):
        problem = Problem(f"{path}, line 1", f"expected a JSON object, found {type(document).__name__}")
        raise StartupError(f"{path.name} is not a JSON object.", [problem])
    return document


def merge_local_settings(app: Path, environment: MutableMapping[str, str]) -> None:
    """Add the ``Values`` of ``local.settings.json`` to ``environment``, where what is there wins.

    Raises:
        StartupError: the file is broken, encrypted, or holds a value that is not a string.
    """
    path = app / "local.settings.json"
    if not path.is_file():
        return
    document = read_json(path)
    if document.get("IsEncrypted") is True:
        mend = "Decrypt it with `func settings decrypt`."
        raise StartupError("local.settings.json is encrypted.", [Problem(str(path), "IsEncrypted", mend)])
    values = document.get("Values", {})
    problems = [
        Problem(f"{path}, Values.{name}", f"expected a string, found {type(value).__name__}")
        for name, value in values.items()
        if not isinstance(value, str)
    ]
    if problems:
        raise StartupError("local.settings.json holds values that are not strings.", problems)
    for name, value in values.items():
        environment.setdefault(name, value)


def resolve(text: str, environment: Mapping[str, str]) -> str:
    """Replace each ``%NAME%`` by that setting, as the Functions host does in binding properties.

    Raises:
        MissingSettingError: a named setting is absent.
    """

    def value(match: re.Match[str]) -> str:
        try:
            return environment[match[1]]
        except KeyError:
            raise MissingSettingError(match[1]) from None

    return _PLACEHOLDER.sub(value, text)
