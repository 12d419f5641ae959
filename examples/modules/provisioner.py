"""A module of a tenant's own, whole: test environments, with little but the standard library, in memory.

It verifies that calls are the platform's, does nothing twice however often it is told (the platform delivers
at least once), and has one action of each kind: ``lease`` answers at once and is undone by ``release``,
``provision`` is polled and can be cancelled, ``inspect`` calls back. docs/modules.md walks through it::

    MODULE_KEYS=whsec_… python -m examples.modules.provisioner --port 7080
"""

import argparse
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, override

import httpx

from examples.modules.signatures import is_signed

MANIFEST: Mapping[str, Any] = json.loads(Path(__file__).with_name("manifest.json").read_text())

type Call = Mapping[str, Any]
"""The body of a call: ``operation``, ``action``, ``parameters``, ``execution``, ``step``, ``attempt``, …"""
type Answer = tuple[int, Mapping[str, Any]]


class Provisioner:
    """What it does, by the idempotency keys that it was told with: the same key, the same lease."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.leases: dict[str, str] = {}
        """By idempotency key; those that are given back are not here."""
        self.machines: dict[str, float] = {}
        """When those of a key are ready."""
        self.inspected: set[str] = set()

    def answer(self, call: Call, key: str) -> Answer:
        """What one call is answered."""
        known: Mapping[tuple[str, str], Callable[[Call, str], Answer]] = {
            ("lease", "run"): self._lease,
            ("lease", "dry_run"): lambda call, _: _would(f"lease {call['parameters']['environment']}.test"),
            ("release", "run"): self._release,
            ("provision", "run"): self._provision,
            ("provision", "poll"): self._look,
            ("provision", "cancel"): self._cancel,
            ("provision", "dry_run"): lambda call, _: _would(
                f"make {call['parameters']['machines']} machines"
            ),
            ("inspect", "run"): self._inspect,
        }
        does = known.get((call["action"], call["operation"]))
        if does is None:
            return 400, {"error": f"{call['action']} does not know how to {call['operation']}"}
        with self._lock:
            return does(call, key)

    def _lease(self, call: Call, key: str) -> Answer:
        environment = call["parameters"]["environment"]
        lease = self.leases.setdefault(key, f"lease-{secrets.token_hex(4)}")
        return 200, {"outputs": {"lease": lease, "address": f"{environment}.test"}}

    def _release(self, call: Call, _key: str) -> Answer:
        held = [key for key, lease in self.leases.items() if lease == call["parameters"]["lease"]]
        for key in held:
            del self.leases[key]
        return 200, {"outputs": {"released": bool(held)}}

    def _provision(self, call: Call, key: str) -> Answer:
        self.machines.setdefault(key, time.time() + call["parameters"].get("seconds", 1))
        return self._look(call, key)

    def _look(self, call: Call, key: str) -> Answer:
        if key not in self.machines:
            error = {"code": "CANCELLED", "message": "this was cancelled", "retryable": False}
            return 200, {"error": error}
        if time.time() < self.machines[key]:
            return 202, {"poll": {"after": 0.2, "token": key}}
        return 200, {
            "outputs": {"names": [f"machine-{n + 1}" for n in range(call["parameters"]["machines"])]}
        }

    def _cancel(self, _call: Call, key: str) -> Answer:
        if key in self.machines and time.time() < self.machines[key]:
            del self.machines[key]
        return 200, {}

    def _inspect(self, call: Call, key: str) -> Answer:
        if key not in self.inspected:
            self.inspected.add(key)
            url = call["callback"]["url"]
            threading.Thread(target=call_back, args=(url, {"healthy": True}), daemon=True).start()
        return 202, {}

    def state(self) -> Mapping[str, Any]:
        """What there is: for people, and for the contract kit to see that a dry run changes nothing."""
        with self._lock:
            return {"leases": sorted(self.leases.values()), "machines": len(self.machines)}


def _would(what: str) -> Answer:
    return 200, {"would": {"do": what}}


def call_back(url: str, outputs: Mapping[str, Any]) -> None:
    """Say what it came to; the address is the right to do so, once."""
    httpx.post(url, json={"status": "completed", "outputs": outputs}, timeout=10).raise_for_status()


class Handler(BaseHTTPRequestHandler):
    """HTTP around a :class:`Provisioner`: who may ask, and what is a question at all."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Server"

    def do_GET(self) -> None:
        answers: dict[str, Callable[[], Any]] = {
            "/manifest": lambda: self.server.manifest,
            "/state": self.server.module.state,
        }
        made = answers.get(self.path)
        self._send(200, made()) if made else self._send(404, {"error": "there is nothing here"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not self.server.trusts(headers, body):
            self._send(401, {"error": "this is not signed by the platform, or not just now"})
            return
        verb = self.path.removeprefix("/actions/")
        if verb not in self.server.manifest["actions"]:
            self._send(404, {"error": f"there is no action {verb!r}"})
            return
        try:
            call = json.loads(body)
            answer = self.server.module.answer({**call, "action": verb}, headers.get("idempotency-key", ""))
        except (ValueError, TypeError, KeyError) as error:
            answer = 400, {"error": f"this is no call: {error!r}"}
        self._send(*answer)

    def _send(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Serves a module; ``keys`` are the newest first, and one before while the key is being changed."""

    daemon_threads = True
    manifest = MANIFEST

    def __init__(self, keys: Sequence[str], *, port: int = 0, module: Provisioner | None = None) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.keys = list(keys)
        self.module = module or Provisioner()

    def trusts(self, headers: Mapping[str, str], body: bytes) -> bool:
        return is_signed(self.keys, headers, body)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description="A module that provisions test environments.")
    parser.add_argument("--port", type=int, default=7080)
    options = parser.parse_args()
    with Server(os.environ["MODULE_KEYS"].split(), port=options.port) as server:
        print(server.url, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
