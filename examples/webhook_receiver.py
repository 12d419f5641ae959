"""Receives webhooks: checks that they are genuine, drops what it has seen, and prints the rest, a line each.

WEBHOOK_SECRET=whsec_… python -m examples.webhook_receiver --port 7090
"""

import argparse
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from examples.modules.signatures import is_signed

SEEN: set[str] = set()
"""Ids of what was taken, for the same may come again. A service keeps them as long as it keeps the events."""


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        genuine = is_signed([os.environ["WEBHOOK_SECRET"]], headers, body)
        if genuine and headers["webhook-id"] not in SEEN:
            SEEN.add(headers["webhook-id"])
            event = json.loads(body)
            print(event["time"], event["type"], event["source"], event.get("subject", ""), flush=True)
        self.send_response(204 if genuine else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Receive webhooks, and print those that are genuine.")
    parser.add_argument("--port", type=int, default=7090)
    ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Handler).serve_forever()
