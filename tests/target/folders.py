"""Images that are folders with a small web server, for targets that run what images say."""

from collections.abc import Collection
from pathlib import Path

from localhost.target.images import Image
from shared.ports.targets import TargetError
from shared.security.scope import TenantScope

SERVER = """
import http.server, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        sick = self.path == "/health" and os.path.exists(os.environ.get("SICK", ""))
        self.send_response(500 if sick else 200)
        self.end_headers()
        self.wfile.write(f"{os.environ.get('VERSION')} {os.getpid()}".encode())

    def log_message(self, *_): pass

if "CRASH" in os.environ:
    sys.exit("no database")
print("listening", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


class FolderImages:
    """Every image but ``missing`` is the same folder; implements :class:`localhost.target.images.Images`."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        (self.root / "app").mkdir(parents=True)
        (self.root / "app" / "server.py").write_text(SERVER)

    async def pinned(self, scope: TenantScope, image: str) -> str:
        if image == "missing":
            raise TargetError("IMAGE_NOT_FOUND", "there is no image missing")
        return f"{scope.tenant_id}/{image}@sha256:{'0' * 64}"

    async def get(self, scope: TenantScope, image: str) -> Image:
        return Image(image, self.root, (), ["python3", "/app/server.py"], {"IMAGE": image}, "/app", [8080])

    async def keep(self, images: Collection[str], *, drafts: bool = True) -> None:
        pass
