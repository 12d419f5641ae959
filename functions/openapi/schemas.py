"""The JSON Schema of an intent as it is sent: the contract's own fields around the definition's schema."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from functions.routes.route import PREFIX
from quantum.contract.intents import CreateIntent
from shared.domain.manifests import ModuleVersion
from shared.services.registry.schemas import DIALECT, Schemas

MEDIA_TYPE = "application/schema+json"


@dataclass(frozen=True, slots=True)
class Document:
    content: bytes
    etag: str


@cache
def intent(schemas: Schemas) -> Document:
    """The schema, made once. A definition alone is ``intent.json#definition``."""
    return _document(*schemas.definition, path="v1/schemas/intent.json")


def tenants_intent(schemas: Schemas, modules: Sequence[ModuleVersion]) -> Document:
    """The same, with the actions of a tenant's modules."""
    return _document(*schemas.with_modules(modules), path="v1/schemas/tenant/intent.json")


def _document(definition: Mapping[str, Any], parts: Mapping[str, Any], *, path: str) -> Document:
    root = CreateIntent.model_json_schema()
    properties = root["properties"] | {"definition": {"$ref": "#/$defs/Definition"}}
    schema = {
        "$schema": DIALECT,
        "$id": PREFIX + path,
        **root,
        "title": "Intent",
        "properties": properties,
        "$defs": {"Definition": definition, **parts},
    }
    content = orjson.dumps(schema)
    return Document(content, hashlib.sha256(content).hexdigest()[:32])
