"""A peer that answers as the tasks of an Azure Container Registry do, strict about what it is asked."""

import io
import json
import re
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, override
from urllib.parse import parse_qs, urlsplit

ID = "/subscriptions/0-1/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/acme"
TOKEN = "a token for the resource manager"
SIGNATURE = "sig=a-right"
REQUEST = {
    *("type", "sourceLocation", "dockerFilePath", "imageNames", "isPushEnabled", "noCache", "platform"),
    *("arguments", "timeout"),
}
"""What a DockerBuildRequest of ours has; its documentation knows more, and nothing else is taken here."""


@dataclass
class Service:
    """What the peer has been told, and what it does with the next run."""

    statuses: list[str] = field(default_factory=lambda: ["Queued", "Running", "Succeeded"])
    """Of the run, one for each look; the last stays."""
    images: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    """The ``outputImages`` of a run that has succeeded."""
    error: str = ""
    log: bytes | None = b"Step 1/2 : FROM scratch\nStep 2/2 : COPY a /\n"
    fails: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])
    """The status and the code of the error that the end of a path is answered with, once."""
    source: dict[str, bytes] = field(default_factory=dict[str, bytes])
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    cancelled: list[str] = field(default_factory=list[str])
    wrong: list[str] = field(default_factory=list[str])
    """What was asked as nobody may ask it."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Server"

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        url = urlsplit(self.path)
        if url.path.startswith("/blobs/"):
            return self._blob(url.path, url.query, body)
        for end, (status, code) in list(self._service.fails.items()):
            if url.path.endswith(end):
                del self._service.fails[end]
                return self._answer(status, {"error": {"code": code, "message": f"{code} it is"}})
        if self.headers.get("authorization") != f"Bearer {TOKEN}":
            return self._refuse("a resource was asked for without its token", 401)
        if parse_qs(url.query) != {"api-version": ["2019-06-01-preview"]}:
            return self._refuse(f"the query is {url.query!r}")
        if not url.path.startswith(f"{ID}/"):
            return self._refuse(f"there is no resource {url.path!r}", 404)
        return self._resource(url.path.removeprefix(f"{ID}/"), body)

    def _resource(self, what: str, body: bytes) -> None:
        run = {"properties": {"runId": "ca1", "status": "Queued", "outputImages": None}}
        match self.command, what.split("/"):
            case "POST", ["listBuildSourceUploadUrl"]:
                where = f"{self.server.url}/blobs/source/1.tar.gz?{SIGNATURE}"
                self._answer(200, {"uploadUrl": where, "relativePath": "source/1.tar.gz"})
            case "POST", ["scheduleRun"]:
                self._schedule(json.loads(body), run)
            case "GET", ["runs", "ca1"]:
                self._answer(200, self._run())
            case "POST", ["runs", "ca1", "listLogSasUrl"]:
                self._answer(200, {"logLink": f"{self.server.url}/blobs/log?{SIGNATURE}"})
            case "POST", ["runs", "ca1", "cancel"]:
                self._service.cancelled.append("ca1")
                self._answer(202, None)
            case _:
                self._refuse(f"there is no {self.command} {what}", 404)

    def _schedule(self, request: dict[str, Any], run: Any) -> None:
        if request.keys() - {"credentials"} != REQUEST or request["type"] != "DockerBuildRequest":
            return self._refuse(f"a run is asked for with {sorted(request)}")
        if (why := self._wrong(request)) is not None:
            return self._refuse(why)
        self._service.requests.append(request)
        return self._answer(200, run)

    def _wrong(self, request: dict[str, Any]) -> str | None:
        platform = request["platform"]
        if platform.get("os") != "Linux" or platform.get("architecture") not in {"amd64", "arm64", "arm"}:
            return f"the platform is {platform}"
        if not all(arg.keys() == {"name", "value", "isSecret"} for arg in request["arguments"]):
            return "an argument is not as it should be"
        if "credentials" in request and not _are_credentials(request["credentials"]):
            return "the credentials are not as they should be"
        if not all(re.fullmatch(r"[a-z0-9/._-]+:[\w.-]{1,128}", name) for name in request["imageNames"]):
            return f"the images are {request['imageNames']}"
        if request["dockerFilePath"] not in self._service.source:
            return "the source has no such Dockerfile"
        return None

    def _run(self) -> dict[str, Any]:
        service = self._service
        status = service.statuses[0]
        if len(service.statuses) > 1:
            del service.statuses[0]
        images = service.images if status == "Succeeded" else None
        return {
            "properties": {
                "runId": "ca1",
                "status": status,
                "outputImages": images,
                "runErrorMessage": service.error or None,
            }
        }

    def _blob(self, path: str, query: str, body: bytes) -> None:
        if query != SIGNATURE or "authorization" in self.headers:
            return self._refuse("a blob was asked for with something else than its own right", 403)
        if (self.command, path) == ("PUT", "/blobs/source/1.tar.gz"):
            if self.headers.get("x-ms-blob-type") != "BlockBlob" or "transfer-encoding" in self.headers:
                return self._refuse("a blob is put with its type and its length")
            with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
                for entry in archive:
                    file = archive.extractfile(entry)
                    self._service.source[entry.name] = file.read() if file else b"/"
            return self._answer(201, None)
        if (self.command, path) == ("GET", "/blobs/log"):
            log = self._service.log
            return self._answer(404, None) if log is None else self._answer(200, log)
        return self._refuse(f"there is no blob {path}", 404)

    def _refuse(self, why: str, status: int = 400) -> None:
        self._service.wrong.append(why)
        self._answer(status, {"error": {"code": "InvalidRequest", "message": why}})

    def _answer(self, status: int, content: Any) -> None:
        body = (
            content
            if isinstance(content, bytes)
            else b""
            if content is None
            else json.dumps(content).encode()
        )
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @property
    def _service(self) -> Service:
        return self.server.service

    do_GET = do_POST = do_PUT = _serve  # noqa: N815  the names that http.server calls

    @override
    def log_message(self, format: str, *args: Any) -> None:
        pass


def _are_credentials(value: Any) -> bool:
    secrets = [secret for one in value["customRegistries"].values() for secret in one.values()]
    return (
        value.keys() == {"sourceRegistry", "customRegistries"}
        and value["sourceRegistry"] == {"loginMode": "Default"}
        and all(one.keys() == {"userName", "password"} for one in value["customRegistries"].values())
        and all(one.keys() == {"type", "value"} and one["type"] == "Opaque" for one in secrets)
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    service: Service

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def tasks_service() -> Iterator[tuple[str, Service]]:
    """Its address, and what is told of it."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.service = Service()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.url, server.service
    server.shutdown()
    thread.join()
    server.server_close()
