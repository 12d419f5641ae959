"""The SDK's codec of payloads, with a short way for what is plain JSON.

The codec (``azure.functions._durable_functions``) looks in every object of a text for an instance of a class,
to make it again, and reads the text twice if a type is expected. A text that can have none is plain JSON, and
means the same if it is read at once.
"""

import json
from typing import Any, override

from azure.durable_functions.internal.serialization import FunctionsDataConverter

_PLAIN = frozenset({dict, list, str, int, float, bool, type(None)})


def is_plain(text: str) -> bool:
    """Whether ``text`` has no instance of a class in it, which would say ``__class__``, maybe escaped."""
    return "__class__" not in text and "\\u00" not in text


def dumps(value: Any) -> str | None:
    """``value`` as the codec writes it; None if it has to be asked, as something may be of a class."""
    if type(value) not in _PLAIN:
        return None
    try:
        return json.dumps(value)
    except TypeError:
        return None


class PlainFirst(FunctionsDataConverter):
    """The SDK's converter, asked only for what is not plain."""

    @override
    def serialize(self, value: Any) -> str | None:
        if value is None:
            return None
        return dumps(value) or super().serialize(value)

    @override
    def deserialize(self, data: str | None, target_type: type | None = None) -> Any:
        if data and is_plain(data):
            value = json.loads(data)
            if target_type is None or target_type is type(value):
                return value
        return super().deserialize(data, target_type)
