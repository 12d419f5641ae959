"""Finding the function for a request: exact paths by one look-up, the others by a tree of segments."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

from localhost.http.replies import send_empty
from localhost.http.templates import Segment, parse

ANY_METHOD = "*"


@dataclass(frozen=True, slots=True)
class Route:
    """An HTTP function's place: full template (prefix included), methods (empty: all), ASGI endpoint."""

    template: str
    methods: frozenset[str]
    endpoint: ASGIApp


@dataclass(slots=True)
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict)
    others: list[tuple[Segment, "_Node"]] = field(default_factory=list)
    endpoints: dict[str, ASGIApp] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)

    def child(self, segment: Segment) -> "_Node":
        if segment.literal is not None:
            return self.literals.setdefault(segment.literal, _Node())
        for known, node in self.others:
            if (known.shape, known.parameter) == (segment.shape, segment.parameter):
                return node
        node = _Node()
        self.others.append((segment, node))
        self.others.sort(key=lambda pair: pair[0].rank)
        return node


class Router:
    """An ASGI app over the routes of a Functions app; what matches none goes to ``fallback``."""

    def __init__(self, routes: Iterable[Route], fallback: ASGIApp) -> None:
        self._root = _Node()
        self._exact: dict[str, dict[str, ASGIApp]] = {}
        self._fallback = fallback
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        segments = parse(route.template)
        methods = dict.fromkeys(route.methods or {ANY_METHOD}, route.endpoint)
        if all(segment.literal is not None for segment in segments):
            path = "/" + "/".join(segment.literal or "" for segment in segments)
            self._exact.setdefault(path, {}).update(methods)
        node = self._root
        for segment in segments:
            if segment.optional or segment.catch_all:
                node.endpoints = {**methods, **node.endpoints}
                node.defaults[segment.parameter] = segment.default or ""
            node = node.child(segment)
        node.endpoints.update(methods)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            exact = self._exact.get(scope["path"])
            endpoint = exact and (exact.get(scope["method"]) or exact.get(ANY_METHOD))
            if endpoint:
                scope["path_params"] = {}
                await endpoint(scope, receive, send)
                return
            if await self._search(scope, receive, send):
                return
        await self._fallback(scope, receive, send)

    async def _search(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Serve the request if a route's path fits; False if none does."""
        allowed: set[str] = set()
        for node, values in _walk(self._root, _segments(scope), 0):
            endpoint = node.endpoints.get(scope["method"]) or node.endpoints.get(ANY_METHOD)
            if endpoint:
                scope["path_params"] = values
                await endpoint(scope, receive, send)
                return True
            allowed.update(node.endpoints)
        if allowed:
            await send_empty(send, 405, [(b"allow", ", ".join(sorted(allowed)).encode())])
            return True
        return False


def _segments(scope: Scope) -> list[str]:
    """The path's segments, decoded one by one: an encoded slash stays inside its segment."""
    raw: bytes = scope.get("raw_path") or b""
    if b"%" in raw:
        return [unquote(part) for part in raw.decode("latin-1").strip("/").split("/")]
    path: str = scope["path"].strip("/")
    return path.split("/") if path else []


def _walk(node: _Node, segments: list[str], depth: int) -> Iterator[tuple[_Node, dict[str, str]]]:
    """Every node whose template fits, most specific first, with the values of its parameters."""
    if depth == len(segments):
        if node.endpoints:
            yield node, {name: value for name, value in node.defaults.items() if value}
        return
    value = segments[depth]
    literal = node.literals.get(value.lower())
    if literal is not None:
        yield from _walk(literal, segments, depth + 1)
    for segment, child in node.others:
        if segment.catch_all:
            yield child, {segment.parameter: "/".join(segments[depth:])}
        elif (values := segment.match(value)) is not None:
            for found, more in _walk(child, segments, depth + 1):
                yield found, {**values, **more}
