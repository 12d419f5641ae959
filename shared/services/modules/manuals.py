"""What is told of modules: those that are built in, and tenants' own."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from shared.domain.manifests import ModuleVersion, RemoteAction, full_name
from shared.domain.modules import ActionManual, Module, Schema, Standing, Support
from shared.ports.actions import Action, Catalogue
from shared.ports.documents import Document
from shared.ports.modules import Circuit


def built_in_modules(catalogue: Catalogue) -> Mapping[str, Module]:
    """By name."""
    actions = sorted(catalogue.actions(), key=lambda action: action.name)
    return {
        name: Module(name, description, [_manual(one) for one in actions if one.module == name])
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
        examples=action.examples,
    )


def _manual(action: Action) -> ActionManual:
    return ActionManual(
        name=action.name,
        description=(inspect.getdoc(type(action)) or "").replace("``", "`"),
        side_effect=action.side_effect,
        parameters=_parameters(action),
        outputs=action.Outputs.model_json_schema(),
        supports=list(_supported(action)),
        permission=action.permission,
        offers=action.offers,
        takes=action.takes,
        undone_by=action.undone_by,
        takes_secrets=sorted(action.takes_secrets),
        examples=action.examples,
    )


def _parameters(action: Action) -> Schema:
    """As steps may have them: where a condition is wanted, they have its text."""
    schema: dict[str, Any] = action.Parameters.model_json_schema()
    for name in action.conditions:
        schema["properties"][name]["type"] = ["boolean", "string"]
    return schema


def _supported(action: Action) -> Iterator[Support]:
    if action.gives_up:
        yield "cancel"
    if action.foresees:
        yield "dry_run"
    if action.waits:
        yield "poll"
