"""A server that speaks the API of Kubernetes as the platform uses it, in memory, strict about requests.

Sources: kubernetes.io/docs/reference/using-api (concepts, server-side apply), and the answers of clusters.
"""

import base64
import copy
import json
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, override
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.kubernetes.applying import IDENTITY, ConflictError, Path, apply, fields
from tests.kubernetes.controllers import Deployments, environment_of
from tests.kubernetes.schemas import undeclared

GROUPS: Mapping[str, Mapping[str, str]] = {
    "/api/v1": {"Secret": "secrets", "Service": "services", "ConfigMap": "configmaps", "Pod": "pods"},
    "/apis/apps/v1": {"Deployment": "deployments"},
    "/apis/batch/v1": {"Job": "jobs"},
}
TOKEN, VIEWER = "a token that may", "a token that may look"


@dataclass
class Stored:
    content: dict[str, Any]
    managed: dict[str, frozenset[Path]] = field(default_factory=dict[str, frozenset[Path]])


@dataclass
class Answer:
    status: int
    body: Any
    raw: bytes | None = None


class RefusedError(Exception):
    def __init__(
        self, status: int, reason: str, message: str, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        document = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message}
        self.answer = Answer(status, {**document, "reason": reason, "details": details or {}, "code": status})


class KubernetesServer(ThreadingHTTPServer):
    """``faults`` are statuses that the next requests are answered with; 0: with what they ask for."""

    daemon_threads = True

    def __init__(self, *, namespaces: frozenset[str] = frozenset({"default", "production"})) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects: dict[tuple[str, str, str], Stored] = {}
        """By namespace, kind and name."""
        self.faults: list[int] = []
        self.requests: list[tuple[str, str]] = []
        self._namespaces = namespaces
        self._version = 100
        self._deployments = Deployments()
        self.lock = threading.RLock()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def secure(self, context: ssl.SSLContext) -> None:
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def names(self, kind: str, namespace: str = "production") -> set[str]:
        return {name for where, what, name in self.objects if (where, what) == (namespace, kind)}

    def edit(self, kind: str, name: str, manager: str, change: Mapping[str, Any]) -> None:
        """Another manager forces ``change`` upon an object of production."""
        with self.lock:
            stored = self.objects["production", kind, name]
            content, _ = apply(stored.content, {}, manager, change)
            managed = {**stored.managed, manager: frozenset(fields(change)) - IDENTITY}
            self._keep(("production", kind, name), Stored(content, managed))

    def of_kind(self, namespace: str, plural: str) -> list[dict[str, Any]]:
        """Every object of a kind, as it is now."""
        kind = next(one for kinds in GROUPS.values() for one, name in kinds.items() if name == plural)
        return [
            copy.deepcopy(stored.content)
            for (where, what, _), stored in self.objects.items()
            if (where, what) == (namespace, kind)
        ]

    def answer(self, method: str, path: str, query: Mapping[str, str], body: bytes, kind: str) -> Answer:
        with self.lock:
            for group, kinds in GROUPS.items():
                if path == group:
                    resources = [
                        {"kind": one, "name": name, "namespaced": True} for one, name in kinds.items()
                    ]
                    return Answer(200, {"kind": "APIResourceList", "resources": resources})
                if path.startswith(f"{group}/namespaces/"):
                    parts = path.removeprefix(f"{group}/namespaces/").split("/", 3)
                    return self._namespaced(method, kinds, parts, query, body, kind)
        raise RefusedError(404, "NotFound", "the server could not find the requested resource")

    def _namespaced(
        self,
        method: str,
        kinds: Mapping[str, str],
        parts: list[str],
        query: Mapping[str, str],
        body: bytes,
        content_type: str,
    ) -> Answer:
        namespace, plural, *rest = parts
        if namespace not in self._namespaces:
            raise RefusedError(404, "NotFound", f'namespaces "{namespace}" not found')
        kind = next((one for one, name in kinds.items() if name == plural), None)
        if kind is None:
            raise RefusedError(404, "NotFound", "the server could not find the requested resource")
        if plural == "services" and len(rest) == 2:
            return self._proxied(namespace, rest[0].split(":")[1])
        if plural == "pods":
            return self._pods(namespace, rest, query)
        key = (namespace, kind, rest[0] if rest else "")
        if method == "PATCH" and content_type == "application/apply-patch+yaml":
            return self._apply(key, body, query)
        return self._plain(method, key, body)

    def _plain(self, method: str, key: tuple[str, str, str], body: bytes) -> Answer:
        match method:
            case "GET" if key[2]:
                return Answer(200, self._read(key))
            case "GET":
                found = [one.content for (*at, _), one in self.objects.items() if tuple(at) == key[:2]]
                return Answer(200, {"kind": f"{key[1]}List", "items": found})
            case "POST":
                return self._create(key[0], key[1], self._content(body, key[1]))
            case "PUT":
                return self._replace(key, self._content(body, key[1]))
            case "DELETE":
                self._read(key)
                del self.objects[key]
                return Answer(200, {"kind": "Status", "status": "Success"})
        raise RefusedError(405, "MethodNotAllowed", f"{method} of {key[1]} is not known here")

    def _content(self, body: bytes, kind: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(body)
        if why := undeclared(content, kind):
            raise RefusedError(400, "BadRequest", f"strict decoding error: {why}")
        return content

    def _read(self, key: tuple[str, str, str]) -> dict[str, Any]:
        if (stored := self.objects.get(key)) is None:
            raise RefusedError(404, "NotFound", f'{key[1].lower()}s "{key[2]}" not found')
        if key[1] == "Deployment":
            self._deployments.advance(stored.content)
        return {**copy.deepcopy(stored.content)}

    def _create(self, namespace: str, kind: str, content: dict[str, Any]) -> Answer:
        key = (namespace, kind, content["metadata"]["name"])
        if key in self.objects:
            raise RefusedError(409, "AlreadyExists", f'{kind.lower()}s "{key[2]}" already exists')
        self._keep(key, Stored(content))
        return Answer(201, self.objects[key].content)

    def _replace(self, key: tuple[str, str, str], content: dict[str, Any]) -> Answer:
        known = self._read(key)
        wanted = content["metadata"].get("resourceVersion")
        if wanted is not None and wanted != known["metadata"]["resourceVersion"]:
            message = "the object has been modified; please apply your changes to the latest version"
            raise RefusedError(409, "Conflict", f"Operation cannot be fulfilled: {message}")
        self._keep(key, Stored({**content, "metadata": {**known["metadata"], **content["metadata"]}}))
        return Answer(200, self.objects[key].content)

    def _apply(self, key: tuple[str, str, str], body: bytes, query: Mapping[str, str]) -> Answer:
        config = yaml.safe_load(body)
        if not (manager := query.get("fieldManager")):
            raise RefusedError(400, "BadRequest", "fieldManager is required for apply patch")
        if config.get("metadata", {}).get("name") != key[2]:
            raise RefusedError(400, "BadRequest", "metadata.name does not match the name of the URL")
        if (why := undeclared(config, key[1])) and query.get("fieldValidation") == "Strict":
            what = f"{key[0]}/{key[2]}; {config['apiVersion']}, Kind={key[1]}"
            raise RefusedError(500, "", f"failed to create typed patch object ({what}): {why}")
        known = self.objects.get(key)
        try:
            content, managed = apply(
                known.content if known else None, known.managed if known else {}, manager, config
            )
        except ConflictError as error:
            causes = [
                {"reason": "FieldManagerConflict", "message": f'conflict with "{other}"', "field": path}
                for path, other in error.conflicts
            ]
            message = f"Apply failed with {len(causes)} conflict(s)"
            raise RefusedError(409, "Conflict", message, {"causes": causes}) from error
        self._validate(key[1], content)
        if query.get("dryRun") == "All":
            return Answer(200 if known else 201, content)
        self._keep(key, Stored(content, managed))
        return Answer(200 if known else 201, self.objects[key].content)

    def _validate(self, kind: str, content: Mapping[str, Any]) -> None:
        if kind != "Deployment":
            return
        spec = content.get("spec") or {}
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
        wanted = (spec.get("selector") or {}).get("matchLabels") or {}
        if not wanted or any(labels.get(name) != value for name, value in wanted.items()):
            message = (
                "spec.template.metadata.labels: Invalid value: `selector` does not match template `labels`"
            )
            raise RefusedError(
                422, "Invalid", f'Deployment.apps "{content["metadata"]["name"]}" is invalid: {message}'
            )

    def _keep(self, key: tuple[str, str, str], stored: Stored) -> None:
        """Store an object; a change of what is asked for is a new generation."""
        before = self.objects.get(key)
        self._version += 1
        metadata = stored.content["metadata"]
        metadata["resourceVersion"] = str(self._version)
        metadata.setdefault("uid", f"uid-{self._version}")
        if before is None or before.content.get("spec") != stored.content.get("spec"):
            metadata["generation"] = (before.content["metadata"].get("generation", 0) if before else 0) + 1
            self._deployments.changed(stored.content)
        self.objects[key] = stored

    def _proxied(self, namespace: str, service: str) -> Answer:
        selector = self._read((namespace, "Service", service))["spec"].get("selector", {})
        for (where, kind, _), stored in self.objects.items():
            uid = stored.content["metadata"].get("uid", "")
            if (where, kind) != (namespace, "Deployment") or uid not in self._deployments.serving:
                continue
            template = self._deployments.serving[uid]
            if selector.items() <= template["metadata"]["labels"].items():
                return Answer(200, None, environment_of(template).get("VERSION", "").encode())
        raise RefusedError(503, "ServiceUnavailable", f'no endpoints available for service "{service}"')

    def _pods(self, namespace: str, rest: list[str], query: Mapping[str, str]) -> Answer:
        deployments = [
            stored.content
            for (where, kind, _), stored in self.objects.items()
            if (where, kind) == (namespace, "Deployment")
        ]
        pods = [pod for one in deployments for pod in self._deployments.pods(one)]
        if rest and rest[-1].startswith("log"):
            return Answer(200, None, b"starting\nno database\n")
        wanted = dict(part.split("=", 1) for part in query.get("labelSelector", "").split(",") if part)
        found = [pod for pod in pods if wanted.items() <= pod["metadata"]["labels"].items()]
        return Answer(200, {"kind": "PodList", "items": found})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: KubernetesServer

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        try:
            answer = self._answer(url.path, query, body)
            if query.get("watch") == "true":
                self._watch(url.path, float(query.get("timeoutSeconds", 30)))
                return
        except RefusedError as error:
            answer = error.answer
        raw = answer.raw if answer.raw is not None else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("content-type", "text/plain" if answer.raw is not None else "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _watch(self, path: str, seconds: float) -> None:
        """What there is of a kind, and then every change of it, a line each, until the time is over."""
        *_, namespace, plural = path.split("/")
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.close_connection = True
        seen: dict[str, str] = {}
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with self.server.lock:
                found = self.server.of_kind(namespace, plural)
            for content in found:
                name, version = (content["metadata"][key] for key in ("name", "resourceVersion"))
                if seen.get(name) != version:
                    event = {"type": "MODIFIED" if name in seen else "ADDED", "object": content}
                    self.wfile.write(json.dumps(event).encode() + b"\n")
                    seen[name] = version
            for name in seen.keys() - {content["metadata"]["name"] for content in found}:
                del seen[name]
                event = {"type": "DELETED", "object": {"metadata": {"name": name}}}
                self.wfile.write(json.dumps(event).encode() + b"\n")
            time.sleep(0.01)

    def _answer(self, path: str, query: Mapping[str, str], body: bytes) -> Answer:
        self.server.requests.append((self.command, path))
        if self.server.faults and (status := self.server.faults.pop(0)):
            raise RefusedError(status, "", "the server is currently unable to handle the request")
        token = self.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in {TOKEN, VIEWER}:
            raise RefusedError(401, "Unauthorized", "Unauthorized")
        if token == VIEWER and self.command != "GET":
            raise RefusedError(403, "Forbidden", 'User "viewer" cannot patch resource')
        return self.server.answer(self.command, path, query, body, self.headers.get("content-type", ""))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815  the names that http.server calls

    @override
    def log_message(self, format: str, *args: Any) -> None:
        pass


def kubeconfig(server: str, *, token: str | None = TOKEN, authority: bytes | None = None, **more: Any) -> str:
    """A kubeconfig for the cluster at ``server``; ``more`` are fields of its user."""
    cluster: dict[str, Any] = {"server": server}
    if authority is not None:
        cluster["certificate-authority-data"] = base64.b64encode(authority).decode()
    user = {**({"token": token} if token else {}), **more}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": user}],
        }
    )
