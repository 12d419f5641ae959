"""The functions of Bicep that the templates use. One that is not here is a mistake, or is to be added."""

import base64
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

type Json = Any

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-00000000000a"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg"
TENANT = "00000000-0000-0000-0000-00000000000b"


class Later(str):
    """A value that only a deployment knows; it says where it would come from."""

    __slots__ = ()


def unique_string(*of: str) -> str:
    """Thirteen letters and digits, the same for the same arguments (not those that Azure would give)."""
    digest = hashlib.sha256("\0".join(of).encode()).digest()
    return base64.b32encode(digest).decode()[:13].lower()


def guid(*of: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "\0".join(of)))


def union(*values: Json) -> Json:
    """Objects merged (the later wins, deeply), or arrays with each element once."""
    if isinstance(values[0], Mapping):
        merged: dict[str, Json] = {}
        for value in values:
            for name, new in value.items():
                both = isinstance(new, Mapping) and isinstance(merged.get(name), Mapping)
                merged[name] = union(merged[name], new) if both else new
        return merged
    return list(dict.fromkeys(element for value in values for element in value))


def concat(*values: Sequence[Json]) -> list[Json]:
    return [element for value in values for element in value]


def is_empty(value: Json) -> bool:
    if isinstance(value, Later):
        return False
    return value is None or len(value) == 0


def role_or_other(*segments: str) -> str:
    """``subscriptionResourceId``: the id of a resource of the subscription itself."""
    kind, *names = segments
    provider, *types = kind.split("/")
    path = "".join(f"/{part}/{name}" for part, name in zip(types, names, strict=True))
    return f"{SUBSCRIPTION}/providers/{provider}{path}"


FUNCTIONS: Mapping[str, Callable[..., Json]] = {
    "concat": concat,
    "empty": is_empty,
    "endsWith": lambda value, end: value.lower().endswith(end.lower()),
    "environment": lambda: {
        "suffixes": {"storage": "core.windows.net", "acrLoginServer": ".azurecr.io"},
        "authentication": {"loginEndpoint": "https://login.microsoftonline.com/"},
    },
    "guid": guid,
    "indexOf": lambda value, item: value.index(item),
    "last": lambda value: value[-1],
    "resourceGroup": lambda *_: {"id": GROUP, "name": "rg", "location": "westeurope"},
    "string": json.dumps,
    "split": lambda value, by: value.split(by),
    "subscription": lambda: {"id": SUBSCRIPTION},
    "subscriptionResourceId": role_or_other,
    "tenant": lambda: {"tenantId": TENANT},
    "toLower": lambda value: value.lower(),
    "union": union,
    "uniqueString": unique_string,
}
FILE_FUNCTIONS = ("loadJsonContent", "loadTextContent")
