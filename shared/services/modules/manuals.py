"""What is told of modules: those that are built in, and tenants' own."""

import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

from shared.domain.failures import MODULE_CALLS
from shared.domain.manifests import ModuleVersion, RemoteAction, full_name
from shared.domain.modules import ActionManual, Module, Schema, Standing, Support
from shared.ports.actions import Action, Catalogue
from shared.ports.documents import Document
from shared.ports.modules import Circuit


def built_in_modules(catalogue: Catalogue) -> Mapping[str, Module]:
    """By name."""
    actions = sorted(catalogue.actions(), key=lambda action: action.name)
    return {
        name: Module(name, description, [manual(one) for one in actions if one.module == name])
        for name, description in catalogue.modules().items()
    }


def remote_module(version: ModuleVersion, document: Document, circuit: Circuit) -> Module:
    """A tenant's own, with how it stands."""
    manifest, body = version.manifest, document.body
    actions = sorted(manifest.actions.items())
    standing = Standing(
        version=version.version,
        endpoint=version.endpoint,
        timeouts={full_name(version.name, name): action.timeout for name, action in actions},
        circuit=circuit.state,
        failures=circuit.failures,
        until=circuit.until,
        key=body["key"],
        previous_key_until=body["keys"]["previous_until"],
        created_at=body["created_at"],
        created_by=body["created_by"],
        updated_at=body["updated_at"],
        updated_by=body["updated_by"],
        etag=document.etag,
    )
    told = [_remote_manual(version, name, action) for name, action in actions]
    return Module(version.name, manifest.description, told, standing)


def _remote_manual(version: ModuleVersion, name: str, action: RemoteAction) -> ActionManual:
    spec = version.specs()[full_name(version.name, name)]
    return ActionManual(
        name=spec.name,
        description=action.description,
        side_effect=action.side_effect,
        parameters=action.parameters,
        outputs=action.outputs,
        supports=sorted(action.supports),
        permission=spec.permission,
        offers=spec.offers,
        takes=spec.takes,
        undone_by=spec.undone_by,
        takes_secrets=sorted(action.takes_secrets),
        failures=MODULE_CALLS,
        examples=action.examples,
    )


def manual(action: Action) -> ActionManual:
    """What is told of a built-in action; the first time makes the schemas of its models, for all who ask."""
    return ActionManual(
        name=action.name,
        description=(inspect.getdoc(type(action)) or "").replace("``", "`"),
        side_effect=action.side_effect,
        parameters=_parameters(action),
        outputs=schema_of(action.Outputs),
        supports=list(_supported(action)),
        permission=action.permission,
        offers=action.offers,
        takes=action.takes,
        undone_by=action.undone_by,
        takes_secrets=sorted(action.takes_secrets),
        failures=action.failures,
        examples=action.examples,
    )


def _parameters(action: Action) -> Schema:
    """As steps may have them: where a condition is wanted, they have its text."""
    schema = schema_of(action.Parameters)
    if not action.conditions:
        return schema
    either = {"type": ["boolean", "string"]}
    properties: dict[str, Any] = schema["properties"]
    conditions = {name: properties[name] | either for name in action.conditions}
    return {**schema, "properties": properties | conditions}


@cache
def schema_of(model: type[BaseModel]) -> Schema:
    """Nobody changes it: it is everybody's. To make one takes a millisecond."""
    return model.model_json_schema()


def _supported(action: Action) -> Iterator[Support]:
    if action.gives_up:
        yield "cancel"
    if action.foresees:
        yield "dry_run"
    if action.waits:
        yield "poll"
