"""What can reach the network: the guarded client for tenants, and adapters for the operator's services."""

import ast
from collections.abc import Iterator
from pathlib import Path

import shared

ROOT = Path(shared.__file__).resolve().parents[1]
CLIENTS = {
    *("httpx", "httpcore", "requests", "aiohttp", "urllib3", "websockets", "grpc", "pycurl"),
    *(
        "urllib.request",
        "http.client",
        "socket",
        "ssl",
        "smtplib",
        "ftplib",
        "telnetlib",
        "poplib",
        "imaplib",
    ),
    *(
        "socketserver",
        "xmlrpc.client",
        "subprocess",
        "asyncio.open_connection",
        "asyncio.create_subprocess_exec",
    ),
}
"""Modules, and calls of asyncio, by which something can leave the process."""

GUARD = {
    # The guarded client itself,
    "shared/modules/egress.py": {"httpx", "httpcore", "socket", "ssl"},
    "shared/modules/redirects.py": {"httpx"},
    # and those that ask it and name its errors and types.
    "shared/modules/bodies.py": {"httpx"},
    **{
        f"shared/modules/containers/registry/{name}.py": {"httpx"}
        for name in ("answers", "authentication", "registries", "sending", "uploads")
    },
    "shared/modules/containers/building/acr_tasks.py": {"httpx"},
    "shared/modules/fetching.py": {"httpx"},
    # buildah, which pulls nothing by itself, and git, which is pinned to addresses that were allowed.
    "shared/modules/containers/building/programs.py": {"asyncio.create_subprocess_exec"},
    "shared/modules/containers/building/git_contexts.py": {"httpcore"},
    "shared/modules/http.py": {"httpx"},
    "shared/modules/http_answers.py": {"httpx"},
    "shared/modules/kubernetes/api.py": {"httpx", "ssl"},
    "shared/modules/kubernetes/kubeconfig.py": {"ssl"},
    "shared/modules/remote/calls.py": {"httpx"},
    "shared/modules/webhooks.py": {"httpx"},
}
OPENING = {"AsyncClient", "Client", "get", "post", "put", "request", "stream", "AsyncHTTPTransport"}
"""What httpx has that opens connections by itself."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    """All that serves tenants: everything of the platform but its adapters, and its triggers."""
    for folder in ("shared", "functions"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith("shared/adapters/"):
                yield name, ast.parse(path.read_text("utf-8"))


def names(tree: ast.Module) -> Iterator[str]:
    """Every module that is imported anywhere in it, and every name from one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def clients(tree: ast.Module) -> set[str]:
    return {client for name in names(tree) for client in CLIENTS if f"{name}.".startswith(f"{client}.")}


def test_only_the_guarded_client_and_who_asks_it_knows_how_to_reach_the_network() -> None:
    assert {name: found for name, tree in sources() if (found := clients(tree))} == GUARD


def test_only_the_guarded_client_opens_connections() -> None:
    opened = {
        name
        for name, tree in sources()
        for used in names(tree)
        if used in {f"httpx.{call}" for call in OPENING} and _calls(tree, used)
    }
    assert opened == {"shared/modules/egress.py"}


def _calls(tree: ast.Module, used: str) -> bool:
    """Whether ``used`` is called there, and not only named as a type."""
    return any(isinstance(node, ast.Call) and ast.unparse(node.func) == used for node in ast.walk(tree))


def test_the_walk_sees_what_it_looks_for() -> None:
    planted = ast.parse(
        "def f():\n    import urllib.request\n    from http import client\n    import requests.sessions\n"
        "    asyncio.open_connection('x', 1)\n"
    )
    assert clients(planted) == {"urllib.request", "http.client", "requests", "asyncio.open_connection"}
