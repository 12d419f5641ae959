"""What objects may have, as far as tests need it; applying anything else is an error, as clusters say it."""

from collections.abc import Mapping
from typing import Any

ANY = object()
METADATA = {
    "name": str,
    "namespace": str,
    "labels": {None: str},
    "annotations": {None: str},
    "resourceVersion": str,
    "uid": str,
    "generation": int,
    "creationTimestamp": str,
    "managedFields": ANY,
}
PROBE = {
    "httpGet": {"path": str, "port": ANY, "scheme": str},
    "tcpSocket": {"port": ANY},
    "initialDelaySeconds": int,
    "periodSeconds": int,
    "timeoutSeconds": int,
    "failureThreshold": int,
}
CONTAINER = {
    "name": str,
    "image": str,
    "command": [str],
    "args": [str],
    "env": [{"name": str, "value": str, "valueFrom": ANY}],
    "ports": [{"name": str, "containerPort": int, "protocol": str}],
    "resources": {"requests": {None: str}, "limits": {None: str}},
    "readinessProbe": PROBE,
    "livenessProbe": PROBE,
}
POD = {
    "metadata": METADATA,
    "spec": {"containers": [CONTAINER], "restartPolicy": str, "serviceAccountName": str},
}
SCHEMAS: Mapping[str, Any] = {
    "Deployment": {
        "spec": {
            "replicas": int,
            "selector": {"matchLabels": {None: str}},
            "template": POD,
            "progressDeadlineSeconds": int,
            "strategy": ANY,
        },
    },
    "Job": {"spec": {"template": POD, "backoffLimit": int}},
    "Service": {
        "spec": {
            "selector": {None: str},
            "type": str,
            "ports": [{"name": str, "port": int, "targetPort": ANY, "protocol": str}],
        }
    },
    "ConfigMap": {"data": {None: str}},
    "Secret": {"data": {None: str}, "type": str},
}


def undeclared(manifest: Any, kind: str) -> str | None:
    """What is wrong with an object, as the API server says it; None: nothing."""
    top = {"apiVersion": str, "kind": str, "metadata": METADATA, "status": ANY, **SCHEMAS[kind]}
    return _wrong(manifest, top, "")


def _wrong(value: Any, schema: Any, at: str) -> str | None:
    if schema is ANY or value is None:
        return None
    wanted: type[Any] = schema if isinstance(schema, type) else type(schema)
    kind = {list: "list", dict: "map", int: "numeric"}.get(wanted, "string")
    if not isinstance(value, wanted) or isinstance(value, bool):
        return f"{at}: expected {kind}, got {value!r}"
    if isinstance(schema, list):
        items: list[Any] = value
        return next((why for one in items if (why := _wrong(one, schema[0], at))), None)
    return _wrong_field(value, schema, at) if isinstance(schema, dict) else None


def _wrong_field(value: Any, schema: Mapping[Any, Any], at: str) -> str | None:
    for name, item in value.items():
        if name not in schema and None not in schema:
            return f"{at}.{name}: field not declared in schema"
        if why := _wrong(item, schema.get(name, schema.get(None)), f"{at}.{name}"):
            return why
    return None
