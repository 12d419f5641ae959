"""Bicep files as syntax trees, by tree-sitter: what they declare, and where they cannot be read."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

_PARSER = Parser(Language(tree_sitter_bicep.language()))
_KINDS = {
    "parameter_declaration": "param",
    "variable_declaration": "var",
    "resource_declaration": "resource",
    "module_declaration": "module",
    "output_declaration": "output",
}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "'": "'", "\\": "\\", "$": "$"}


@dataclass(frozen=True, slots=True)
class Declaration:
    """One declared name. ``value`` is what stands behind the ``=``; a param may have none."""

    kind: str
    name: str
    node: Node
    value: Node | None
    decorators: dict[str, Node] = field(default_factory=dict[str, Node])

    @property
    def type(self) -> str:
        """Of a param or output: the name of its type."""
        found = next(child for child in self.node.named_children if child.type == "type")
        return text(found)

    @property
    def target(self) -> str:
        """Of a resource its ``type@version``, of a module its path."""
        found = next(child for child in self.node.named_children if child.type == "string")
        return plain(found)

    @property
    def existing(self) -> bool:
        return any(child.type == "existing" for child in self.node.children)


@dataclass(frozen=True, slots=True)
class Template:
    """One file, with what it declares in order."""

    path: Path
    root: Node
    scope: str
    declarations: tuple[Declaration, ...]

    def of(self, kind: str) -> dict[str, Declaration]:
        return {found.name: found for found in self.declarations if found.kind == kind}


@cache
def read(path: Path) -> Template:
    """The file at ``path``."""
    root = _PARSER.parse(path.read_bytes()).root_node
    scope, found = "resourceGroup", list[Declaration]()
    decorators: dict[str, Node] = {}
    for node in root.named_children:
        if node.type == "decorators":
            decorators = {text(call.named_children[0]): call for call in _calls(node)}
        elif node.type == "target_scope_assignment":
            scope = plain(node.named_children[0])
        elif node.type in _KINDS:
            found.append(_declaration(node, decorators))
            decorators = {}
    return Template(path, root, scope, tuple(found))


def faults(root: Node) -> list[str]:
    """Every place that is no Bicep, as ``line:column what``."""
    return [
        f"{node.start_point.row + 1}:{node.start_point.column + 1} {text(node)[:60]!r}"
        for node in walk(root)
        if node.is_error or node.is_missing
    ]


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, in the order of the text."""
    yield node
    for child in node.children:
        yield from walk(child)


def text(node: Node) -> str:
    return (node.text or b"").decode()


def plain(string: Node) -> str:
    """The value of a string without interpolation."""
    return "".join(piece for piece in pieces(string) if isinstance(piece, str))


def pieces(string: Node) -> Iterator[str | Node]:
    """A string's parts: text with its escapes resolved, and the expressions in between."""
    for part in string.named_children:
        match part.type:
            case "interpolation":
                yield part.named_children[0]
            case "escape_sequence":
                yield _ESCAPES[text(part)[1]]
            case _:
                yield text(part)


def key(property: Node) -> str | Node:
    """An object's property's name, or the string with interpolation that gives it."""
    first = property.named_children[0]
    if first.type != "string":
        return text(first)
    computed = any(part.type == "interpolation" for part in first.named_children)
    return first if computed else plain(first)


def _declaration(node: Node, decorators: dict[str, Node]) -> Declaration:
    children = [child for child in node.children if child.type != "comment"]
    equals = next((place for place, child in enumerate(children) if child.type == "="), None)
    value = None if equals is None else children[equals + 1]
    name = next(child for child in children if child.type == "identifier")
    return Declaration(_KINDS[node.type], text(name), node, value, decorators)


def _calls(decorators: Node) -> Iterator[Node]:
    for decorator in decorators.named_children:
        yield from (child for child in decorator.named_children if child.type == "call_expression")
