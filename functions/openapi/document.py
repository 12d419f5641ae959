"""The contract as an OpenAPI 3.1 document, made of the route table and the contract's models."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from functions.gateway import rates
from functions.gateway.idempotency import HEADER, REPLAYED
from functions.gateway.problems import MEDIA_TYPE, STATUSES
from functions.openapi.links import following, links
from functions.routes.route import EVENT_STREAM, NDJSON, Route
from functions.routes.table import ROUTES
from quantum.contract.problems import Problem
from shared.domain.ids import ULID
from shared.domain.intents import NAME
from shared.domain.manifests import MODULE_NAME
from shared.domain.members import USER
from shared.domain.secrets import SECRET_NAME
from shared.domain.steps import STEP_ID
from shared.security.scope import TENANT_ID

_JSON = "application/json"
_MERGE_PATCH = "application/merge-patch+json"
_YAML = "application/yaml"
_SCHEMAS = "#/components/schemas/"
_HEADERS: Mapping[str, Any] = {
    "X-Request-ID": "Names this request in the platform's log.",
    "ETag": "The state of the resource, for If-None-Match.",
    "Location": "The path of what was made.",
    "Deprecation": "The intent is deprecated, since `@` and this Unix time (RFC 9745).",
    "Link": 'What is to be used instead: rel="successor-version".',
    "Idempotency-Replayed": "`true`: the response is the one that the key's first request had.",
    "Retry-After": "Seconds to wait before the next attempt.",
    **rates.HEADERS,
    "WWW-Authenticate": "The kind of token that is needed.",
}
_STRING = {"type": "string"}
_SLUG = {"type": "string", "pattern": f"^{NAME.pattern}$"}
_TENANT = {"type": "string", "pattern": f"^{TENANT_ID.pattern}$"}
_PATH_SCHEMAS: Mapping[str, Any] = {
    "modules/{name}": {"type": "string", "pattern": f"^{MODULE_NAME.pattern}$"},
    "secrets/{name}": {"type": "string", "pattern": f"^{SECRET_NAME.pattern}$"},
    "{name}": _SLUG,
    "{step}": {"type": "string", "pattern": f"^{STEP_ID}$"},
    "{version}": {"type": "integer", "minimum": 1, "maximum": 999_999_999},
    "executions/{id}": {"type": "string", "pattern": f"^{ULID.pattern}$"},
    "intents/{id}": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,72}$"},
    "tenants/{id}": _TENANT,
    "{user}": {"type": "string", "pattern": f"^{USER.pattern}$"},
}
"""What a path's parameters look like, by the end of the path with them; nothing else is there to be found."""
_PARAMETERS: Mapping[str, Any] = {
    "TenantID": ("X-Tenant-ID", "The tenant to act in; only members of several tenants need it.", _TENANT),
    "RequestID": ("X-Request-ID", "A name for this request; one is made if it is absent or unfit."),
    "IfNoneMatch": ("If-None-Match", "The ETag the client has: 304 if it is still the state."),
    "IfMatch": ("If-Match", "The ETag of the state to change: 412 if it is another by now."),
    "LastEventID": ("Last-Event-ID", "Resume the stream behind the event with this cursor."),
}
_KEY: Mapping[str, Any] = {
    "name": HEADER,
    "in": "header",
    "description": "Names this request, so that it is done once however often it is sent. For a day, the same"
    " request with this key gets the same answer, and another request with it is refused.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


@cache
def document_bytes() -> bytes:
    """The document as JSON, made once."""
    return orjson.dumps(document())


def document() -> dict[str, Any]:
    """The OpenAPI document of every route in the table."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Quantum Platform",
            "version": "1",
            "description": "Describe what should happen as an intent; the platform runs it durably.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": name} for name in dict.fromkeys(route.tag for route in ROUTES)],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "headers": {name: _header(text) for name, text in _HEADERS.items()},
            "parameters": {key: _header_parameter(*value) for key, value in _PARAMETERS.items()}
            | {
                "IdempotencyKey": _KEY,
                "RequiredIfMatch": {**_header_parameter(*_PARAMETERS["IfMatch"]), "required": True},
            },
            "links": links(),
            "responses": {_problem_name(status): _problem(status) for status in _all_problems()},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": _parameters(route),
        "responses": _responses(route),
    }
    if not route.closed:
        operation["security"] = []
    if route.operation is not None:
        operation["x-permission"] = route.operation
    if route.body is not None:
        operation["requestBody"] = {
            "required": not route.body_optional,
            "content": {
                media: {"schema": {"$ref": _SCHEMAS + route.body.__name__}} for media in _media(route)
            },
        }
    if route.uploads:
        archive = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": dict.fromkeys(route.uploads, archive)}
    return operation


def _media(route: Route) -> Sequence[str]:
    return (_JSON, _MERGE_PATCH, _YAML) if route.method == "PATCH" else (_JSON, _YAML)


def _parameters(route: Route) -> list[dict[str, Any]]:
    names = ["RequestID"]
    if route.closed:
        names.append("TenantID")
    if _conditional(route):
        names.append("IfNoneMatch")
    if 412 in route.problems:
        names.append("RequiredIfMatch" if 428 in route.problems else "IfMatch")
    if route.mutates:
        names.append("IdempotencyKey")
    if route.streams == EVENT_STREAM:
        names.append("LastEventID")
    references = [{"$ref": f"#/components/parameters/{name}"} for name in names]
    return [*_path_parameters(route), *_query_parameters(route), *references]


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": found[1], "in": "path", "required": True, "schema": _path_schema(route.path[: found.end()])}
        for found in re.finditer(r"\{(\w+)\}", route.path)
    ]


def _path_schema(path: str) -> Any:
    return next((schema for end, schema in _PATH_SCHEMAS.items() if path.endswith(end)), _STRING)


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    properties = _schema_of(route.query)["properties"]
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": schema.get("description", ""),
            "schema": _without_null(schema),
        }
        for name, schema in properties.items()
    ]


def _responses(route: Route) -> dict[str, Any]:
    success: dict[str, Any] = {
        "description": route.summary,
        "headers": {
            name: _header_reference(name)
            for name in (
                "X-Request-ID",
                *(rates.HEADERS if route.closed else ()),
                *route.headers,
                *route.occasional,
                *((REPLAYED,) if route.mutates else ()),
            )
        },
    }
    if route.response is not None:
        success["content"] = {_JSON: {"schema": {"$ref": _SCHEMAS + route.response.__name__}}}
    if route.streams:
        text = _EXPORT if route.response is None else _STREAMS[route.streams]
        content = {"schema": {"type": "string", "description": text}}
        success.setdefault("content", {})[route.streams] = content
    if leads_to := following(route):
        success["links"] = {other.name: {"$ref": "#/components/links/" + other.name} for other in leads_to}
    responses: dict[str, Any] = {str(route.status): success}
    if _conditional(route):
        responses["304"] = {"description": "Still the state that If-None-Match names"}
    if route.durable and not route.closed and not route.sealed:
        responses["503"] = success | {"description": "At least one dependency does not answer"}
    for status in _problems(route):
        responses[str(status)] = {"$ref": f"#/components/responses/{_problem_name(status)}"}
    return responses


_EXPORT = (
    'The first line is `{"export": {…}}`, each other `{"container": …, "document": {…}}`, and the last '
    '`{"manifest": {…}}` with how many there are of each container and the SHA-256 of all lines before it. '
    "Without it, the export is cut short."
)
_STREAMS = {
    EVENT_STREAM: "Events as they happen: `id` is the cursor, `event` the type, `data` an Event as JSON.",
    NDJSON: 'One AuditRecord a line, chain by chain, oldest first; the last line is `{"manifest": {…}}`.',
}


def _conditional(route: Route) -> bool:
    return route.method == "GET" and "ETag" in route.headers


def _problems(route: Route) -> list[int]:
    statuses = set(route.problems)
    if route.closed:
        statuses |= {400, 401, 403, 404, 503}
    if route.body is not None:
        statuses |= {413, 415}
    if route.mutates:
        statuses |= {409, 422}  # the key's request is being done; the key was another request's
    return sorted(statuses | {429, 500})


def _all_problems() -> list[int]:
    return sorted({status for route in ROUTES for status in _problems(route)})


def _problem_name(status: int) -> str:
    return f"Problem{status}"


def _problem(status: int) -> dict[str, Any]:
    codes = [code for code, known in STATUSES.items() if known == status]
    extra = {
        401: ["WWW-Authenticate"],
        409: ["Retry-After"],
        429: ["Retry-After", *rates.HEADERS],
        503: ["Retry-After"],
    }.get(status, [])
    return {
        "description": " or ".join(f"`{code}`" for code in codes),
        "headers": {name: _header_reference(name) for name in ("X-Request-ID", *extra)},
        "content": {MEDIA_TYPE: {"schema": {"$ref": _SCHEMAS + "Problem"}}},
    }


def _header(text: str) -> dict[str, Any]:
    return {"description": text, "schema": {"type": "string"}}


def _header_reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/headers/{name}"}


def _header_parameter(name: str, text: str, schema: Mapping[str, Any] = _STRING) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": text, "schema": schema}


def _schemas() -> dict[str, Any]:
    bodies = [route.body for route in ROUTES if route.body is not None]
    responses = [route.response for route in ROUTES if route.response is not None]
    return _definitions([*bodies, *responses, Problem])


def _definitions(models: Sequence[type[BaseModel]]) -> dict[str, Any]:
    unique = dict.fromkeys(models)
    _, schema = models_json_schema(
        [(model, "validation") for model in unique], ref_template=_SCHEMAS + "{model}"
    )
    definitions: dict[str, Any] = schema["$defs"]
    return definitions


def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """A query model's schema with what it refers to put in place: parameters stand for themselves."""
    schema = model.model_json_schema()
    return {**schema, "properties": _inlined(schema.get("properties", {}), schema.get("$defs", {}))}


def _inlined(value: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_inlined(item, definitions) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        name = str(value["$ref"]).rpartition("/")[2]
        rest = {key: item for key, item in value.items() if key != "$ref"}
        return {**_inlined(definitions[name], definitions), **rest}
    return {key: _inlined(item, definitions) for key, item in value.items()}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that may be left out is not one that may be null."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    rest = {
        key: value
        for key, value in schema.items()
        if key not in {"anyOf", "title", "description"} and value is not None
    }
    return {**kinds[0], **rest} if len(kinds) == 1 else rest
