"""How much an intent may be: what is larger is not looked at any further.

One walk over what was sent, without recursion, before any rule sees it.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from shared.domain.definitions import MAX_DEPTH
from shared.domain.errors import FieldError
from shared.domain.validation.subject import Sent

MAX_KEY: Final = 256
"""Characters of one key."""
MAX_SCHEMA: Final = 2000
"""Values in the JSON Schema of the parameters: reading one takes some 0.2 ms."""
MAX_DIGITS: Final = 32
"""Of an integer: every number there is use for, and far from what takes long to spell out."""

_ROOT: Final = "/definition"
_ITEM: Final = 4
"""What a value that is no text counts, beside what is in it."""


def excess(sent: Sent, most: int) -> Iterator[FieldError]:
    """What of the definition is too much, whatever it says; it has ``most`` bytes at most."""
    definition = sent.definition
    found = _Measured(definition)
    if found.too_deep:
        yield FieldError(_ROOT, "TOO_DEEP", f"a definition is nested at most {MAX_DEPTH} levels deep")
    if found.size > most:
        message = f"a definition has at most {most} bytes, this one has about {found.size}"
        yield FieldError(_ROOT, "TOO_LARGE", message + "; divide it into several intents")
    if found.longest_key > MAX_KEY:
        message = f"a key has at most {MAX_KEY} characters, one here has {found.longest_key}"
        yield FieldError(_ROOT, "TOO_LONG", message)
    if found.huge_number:
        yield FieldError(_ROOT, "VALUE", f"a number has at most {MAX_DIGITS} digits; send it as text")
    schema = definition.get("parameters") if isinstance(definition, dict) else None
    if not found.too_deep and schema and (values := _Measured(schema).values) > MAX_SCHEMA:
        message = f"the schema of the parameters has at most {MAX_SCHEMA} values, this one has {values}"
        yield FieldError(_ROOT + "/parameters", "TOO_LARGE", message)


class _Measured:
    """The measures of a value. What is too deep is not measured to its ground."""

    def __init__(self, value: Any) -> None:
        self.size = self.values = self.longest_key = 0
        self.huge_number = False
        level: list[Any] = [value]
        for _ in range(MAX_DEPTH + 1):
            level = self._below(level)
            if not level:
                break
        self.too_deep = bool(level)

    def _below(self, level: list[Any]) -> list[Any]:
        """Count the values of one level; the objects and lists in it."""
        inner: list[Any] = []
        size = self.size
        for item in level:
            if isinstance(item, dict):
                for key in item:
                    length = len(key)
                    size += length + _ITEM
                    self.longest_key = max(self.longest_key, length)
                items: Any = item.values()
            else:
                items = item if isinstance(item, list) else (item,)
            for child in items:
                self.values += 1
                if isinstance(child, str):
                    size += _ITEM + (len(child) if child.isascii() else len(json.dumps(child)))
                else:
                    size += _ITEM
                    if isinstance(child, dict | list):
                        inner.append(child)
                    elif isinstance(child, int) and child.bit_length() > 3.33 * MAX_DIGITS:
                        self.huge_number = True
        self.size = size
        return inner
