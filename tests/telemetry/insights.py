"""Application Insights' ingestion endpoint on loopback: it takes what the exporter sends, and keeps it.

Source: the exporter's generated client (``POST {IngestionEndpoint}/v2.1/track``, a JSON list of envelopes).
"""

import gzip
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

KEY = "00000000-0000-0000-0000-000000000001"


@dataclass
class Insights:
    envelopes: list[dict[str, Any]] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)
    connection: str = ""

    def __enter__(self) -> Self:
        insights = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                envelopes = json.loads(body)
                insights.paths.add(self.path.partition("?")[0])
                insights.envelopes += envelopes
                taken = {"itemsReceived": len(envelopes), "itemsAccepted": len(envelopes), "errors": []}
                answer = json.dumps(taken).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        place = f"http://127.0.0.1:{self._server.server_port}/"
        self.connection = f"InstrumentationKey={KEY};IngestionEndpoint={place};LiveEndpoint={place}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The ``baseData`` of the envelopes of a kind, with the trace and the parent of each."""
        return [
            envelope["data"]["baseData"] | {"tags": envelope["tags"]}
            for envelope in self.envelopes
            if envelope["data"]["baseType"] == kind
        ]
