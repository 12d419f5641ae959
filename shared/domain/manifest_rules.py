"""The rules of a tenant's own module: what must hold of its name, its endpoint and its manifest."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, cast
from urllib.parse import urlsplit

from shared.domain.actions import did_you_mean
from shared.domain.canonical import canonical_json
from shared.domain.errors import FieldError
from shared.domain.manifests import MODULE_NAME, Manifest, RemoteAction, full_name, problems
from shared.domain.modules import Schema
from shared.domain.parameters import schema_errors
from shared.domain.pointers import pointer
from shared.domain.steps import parameters_of
from shared.domain.templates import has_template
from shared.domain.urls import url_problem

ACTION: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
MAX_ENDPOINT: Final = 1024
MAX_ACTIONS: Final = 50
MAX_MANIFEST: Final = 256 * 1024
"""Bytes of canonical JSON."""
MAX_DESCRIPTION: Final = 2000
MAX_EXAMPLES: Final = 5
LONGEST_CALL: Final = 120.0
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def module_errors(
    name: str, endpoint: str, manifest: Manifest, *, built_in: Collection[str]
) -> Iterator[FieldError]:
    """Everything that is wrong with a module as it is put."""
    if not MODULE_NAME.fullmatch(name):
        message = "a name is 1 to 32 of a-z, 0-9 and '-', begins with a letter and does not end with '-'"
        yield FieldError("/name", "INVALID", message)
    elif name in built_in:
        message = f"'{name}' is a module of the platform's own; choose another name"
        yield FieldError("/name", "RESERVED", message)
    yield from _endpoint_errors(endpoint)
    if len(manifest.description) > MAX_DESCRIPTION:
        yield FieldError("/manifest/description", "TOO_LONG", f"at most {MAX_DESCRIPTION} characters")
    at = "/manifest/actions"
    if not 0 < len(manifest.actions) <= MAX_ACTIONS:
        yield FieldError(at, "VALUE", f"a module has 1 to {MAX_ACTIONS} actions")
        return
    try:
        size = len(canonical_json(manifest.to_json()))
    except (ValueError, RecursionError):
        yield FieldError("/manifest", "VALUE", "it has numbers or texts that JSON cannot spell")
        return
    if size > MAX_MANIFEST:
        yield FieldError("/manifest", "TOO_LARGE", f"it is {size} bytes of JSON, of at most {MAX_MANIFEST}")
        return
    for key, action in manifest.actions.items():
        yield from _action_errors(at + pointer(key), name, key, action, manifest)


def _endpoint_errors(endpoint: str) -> Iterator[FieldError]:
    at = "/endpoint"
    if len(endpoint) > MAX_ENDPOINT:
        yield FieldError(at, "TOO_LONG", f"at most {MAX_ENDPOINT} characters")
    elif (problem := url_problem(endpoint, instead="verify the signature of calls instead")) is not None:
        yield FieldError(at, "INVALID", problem)
    else:
        parts = urlsplit(endpoint)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            yield FieldError(at, "INVALID", "an endpoint is https://…; http:// is for this machine alone")
        if parts.query or parts.fragment or endpoint.endswith("?"):
            yield FieldError(at, "INVALID", "an endpoint has no query: /actions/… is put behind it")


def _action_errors(
    at: str, module: str, name: str, action: RemoteAction, manifest: Manifest
) -> Iterator[FieldError]:
    if not ACTION.fullmatch(name):
        yield FieldError(at, "INVALID", "the name of an action is 1 to 63 of a-z, 0-9 and '-'")
    if not 0 < len(action.description) <= MAX_DESCRIPTION:
        yield FieldError(f"{at}/description", "VALUE", f"1 to {MAX_DESCRIPTION} characters say what it does")
    if not 0 < action.timeout <= LONGEST_CALL:
        message = f"a call may take up to {LONGEST_CALL:g} s; what takes longer is polled, or calls back"
        yield FieldError(f"{at}/timeout", "VALUE", message)
    broken = [
        *schema_errors(action.parameters, f"{at}/parameters"),
        *schema_errors(action.outputs, f"{at}/outputs"),
    ]
    yield from broken
    if broken:
        return  # nothing can be held against a schema that is none
    properties = _properties(action.parameters)
    for index, secret in enumerate(action.takes_secrets):
        if secret not in properties:
            yield FieldError(
                f"{at}/takes_secrets/{index}", "UNKNOWN_PARAMETER", f"it has no parameter '{secret}'"
            )
    yield from _undoing_errors(f"{at}/undone_by", action, manifest)
    yield from _example_errors(f"{at}/examples", full_name(module, name), action)


def _undoing_errors(at: str, action: RemoteAction, manifest: Manifest) -> Iterator[FieldError]:
    undoing = action.undone_by
    if undoing is None:
        return
    other = manifest.actions.get(undoing.action)
    if other is None:
        near = did_you_mean(undoing.action, manifest.actions)
        yield FieldError(
            f"{at}/action", "UNKNOWN_ACTION", f"this module has no action '{undoing.action}'{near}"
        )
        return
    if action.side_effect != "compensatable":
        message = "only what is 'compensatable' is undone; say so as its side_effect, or leave this out"
        yield FieldError(at, "VALUE", message)
    for parameter, output in undoing.outputs.items():
        if parameter not in _properties(other.parameters):
            message = f"'{undoing.action}' has no parameter '{parameter}'"
            yield FieldError(at + pointer("outputs", parameter), "UNKNOWN_PARAMETER", message)
        if output not in _properties(action.outputs):
            message = f"this action has no output '{output}'"
            yield FieldError(at + pointer("outputs", parameter), "UNKNOWN_OUTPUT", message)
    for parameter in sorted(undoing.same):
        if parameter not in _properties(other.parameters) or parameter not in _properties(action.parameters):
            message = f"'{parameter}' is not a parameter of both"
            yield FieldError(f"{at}/same", "UNKNOWN_PARAMETER", message)


def _example_errors(at: str, name: str, action: RemoteAction) -> Iterator[FieldError]:
    if len(action.examples) > MAX_EXAMPLES:
        yield FieldError(at, "TOO_MANY", f"at most {MAX_EXAMPLES} examples")
    for index, example in enumerate(action.examples[:MAX_EXAMPLES]):
        place = f"{at}/{index}"
        if example.get("action") != name:
            yield FieldError(f"{place}/action", "VALUE", f"it is an example of '{name}'")
            continue
        given = parameters_of(example)
        for problem in problems(name, action.parameters, given):
            if not _may_be_mended(given, problem.path):
                yield FieldError(place + pointer(*problem.path), problem.code, problem.message)


def _may_be_mended(given: Mapping[str, Any], path: Sequence[str | int]) -> bool:
    """Whether an expression stands there, which may come to anything."""
    value: Any = given
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(cast("str", part))
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
    return isinstance(value, str) and has_template(value)


def _properties(schema: Schema) -> Mapping[str, Any]:
    properties = schema.get("properties", {})
    return properties if isinstance(properties, Mapping) else {}
