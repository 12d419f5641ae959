"""The JSON Schema of an intent as it is sent: the contract's own fields around the definition's schema."""

import hashlib
from dataclasses import dataclass
from functools import cache

import orjson

from functions.routes.route import PREFIX
from quantum.contract.intents import CreateIntent
from shared.services.registry.schemas import DIALECT, Schemas

MEDIA_TYPE = "application/schema+json"


@dataclass(frozen=True, slots=True)
class Document:
    content: bytes
    etag: str


@cache
def intent(schemas: Schemas) -> Document:
    """The schema, made once. A definition alone is ``intent.json#definition``."""
    definition, parts = schemas.definition
    root = CreateIntent.model_json_schema()
    properties = root["properties"] | {"definition": {"$ref": "#/$defs/Definition"}}
    schema = {
        "$schema": DIALECT,
        "$id": PREFIX + "v1/schemas/intent.json",
        **root,
        "title": "Intent",
        "properties": properties,
        "$defs": {"Definition": definition, **parts},
    }
    content = orjson.dumps(schema)
    return Document(content, hashlib.sha256(content).hexdigest()[:32])
