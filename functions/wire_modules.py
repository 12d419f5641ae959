"""What modules look like on the wire; a part of ``wire.py`` by itself."""

from typing import Any

from shared.domain.modules import ActionManual, Module


def module(value: Module) -> dict[str, Any]:
    return {
        "name": value.name,
        "description": value.description,
        "built_in": True,
        "actions": [_action(one) for one in value.actions],
    }


def _action(value: ActionManual) -> dict[str, Any]:
    return {
        "name": value.name,
        "description": value.description,
        "side_effect": value.side_effect,
        "parameters": value.parameters,
        "outputs": value.outputs,
        "supports": value.supports,
        "permission": value.permission,
        "offers": dict(value.offers),
        "takes": {
            name: {"kind": taking.kind, "unless": sorted(taking.unless), "optional": taking.is_optional}
            for name, taking in value.takes.items()
        },
        "undone_by": None
        if value.undone_by is None
        else {
            "action": value.undone_by.action,
            "outputs": dict(value.undone_by.outputs),
            "same": sorted(value.undone_by.same),
        },
        "takes_secrets": value.takes_secrets,
        "examples": value.examples,
    }
