"""A small warehouse for the data pipeline to work on: exports of some regions, and tables to load them into.

    python -m examples.blueprints.warehouse --port 8098

``/exports/north`` is one of ``EXPORTS``; the first request for any fails with 503, as first tries do in life.
``PUT /tables/north`` replaces a table, however often it is done; ``/tables`` tells how many rows each has.
"""

import argparse
import json
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, override

EXPORTS: Final[Mapping[str, Sequence[Mapping[str, Any]]]] = {
    "north": [{"item": "lamp", "amount": 40}, {"item": "lamp, returned", "amount": -40}],
    "south": [{"item": "chair", "amount": 90}, {"item": "table", "amount": 250}],
}


class Warehouse:
    """``forgets`` is a table of which it keeps nothing: what goes wrong in life."""

    def __init__(self, forgets: str | None = None) -> None:
        self._lock = threading.Lock()
        self._asked: set[str] = set()
        self._forgets = forgets
        self.tables: dict[str, list[Any]] = {}

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """The status and JSON body that answer one request."""
        with self._lock:
            match method, path.strip("/").split("/"):
                case "GET", ["exports", region] if region in EXPORTS and region not in self._asked:
                    self._asked.add(region)
                    return 503, {"error": "the export is still being written"}
                case "GET", ["exports", region] if region in EXPORTS:
                    return 200, {"region": region, "rows": EXPORTS[region]}
                case "GET", ["tables"]:
                    return 200, {name: len(rows) for name, rows in self.tables.items()}
                case "PUT", ["tables", name]:
                    self.tables[name] = [] if name == self._forgets else body["rows"]
                    return 201, {"rows": len(self.tables[name])}
                case "DELETE", ["tables", name]:
                    return (404, {}) if self.tables.pop(name, None) is None else (200, {})
                case _:
                    return 404, {"error": f"there is nothing at {path}"}


def server(warehouse: Warehouse, port: int = 0) -> ThreadingHTTPServer:
    """The warehouse on a loopback port, ready for ``serve_forever``; port 0 is any free one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body leave in two writes: without this the second waits for the first's acknowledgement.
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            status, answer = warehouse.answer(self.command, self.path, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_DELETE = _serve  # noqa: N815 - the names that http.server calls

        @override
        def log_message(self, format: str, *args: Any) -> None:
            pass

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8098, help="where it answers (%(default)s)")
    with server(Warehouse(), parser.parse_args().port) as serving:
        print(f"http://127.0.0.1:{serving.server_port}", flush=True)
        serving.serve_forever()


if __name__ == "__main__":
    main()
