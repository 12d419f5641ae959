"""What modules look like on the wire."""

from dataclasses import asdict
from typing import Any

from shared.domain.modules import ActionManual, Module, Standing
from shared.domain.times import rfc3339


def module(value: Module, secret: str | None = None) -> dict[str, Any]:
    return {
        "name": value.name,
        "description": value.description,
        "built_in": value.standing is None,
        "actions": [_action(one) for one in value.actions],
        **(_standing(value.standing) if value.standing else _BUILT_IN),
        **({"secret": secret} if secret else {}),
    }


_OWN = ("version", "endpoint", "timeouts", "created_at", "created_by", "updated_at", "updated_by")
_BUILT_IN = dict.fromkeys((*_OWN, "circuit", "key"))


def _standing(value: Standing) -> dict[str, Any]:
    return {
        **{name: getattr(value, name) for name in _OWN},
        "circuit": {
            "state": value.circuit,
            "failures": value.failures,
            "until": rfc3339(value.until) if value.until else None,
        },
        "key": {"number": value.key, "previous_until": value.previous_key_until},
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
        "failures": [asdict(one) for one in value.failures],
        "examples": value.examples,
    }
