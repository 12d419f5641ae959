"""A small web app: it says its version, and whether it is well. ``VERSION=broken`` never is."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = os.environ.get("VERSION", "0")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        match self.path:
            case "/":
                self.answer(200, {"hello": "world", "version": VERSION})
            case "/health" if VERSION != "broken":
                self.answer(200, {"status": "ok", "version": VERSION})
            case "/health":
                self.answer(503, {"status": "broken", "version": VERSION})
            case _:
                self.answer(404, {"error": "there is no such page"})

    def answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Handler).serve_forever()
