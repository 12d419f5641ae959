"""Whether every name in a template leads somewhere, whichever branch a deployment takes."""

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tree_sitter import Node

from tests.infra.bicep.functions import FILE_FUNCTIONS, FUNCTIONS
from tests.infra.bicep.syntax import Declaration, Template, key, plain, read, text, walk

DECORATORS = {"allowed", "description", "maxLength", "metadata", "minLength", "secure"}


def problems(template: Template) -> Iterator[str]:
    """What does not resolve in the template, in words."""
    names = [found.name for found in template.declarations if found.kind != "output"]
    yield from (f"{name} is declared twice" for name in set(names) if names.count(name) > 1)
    used: set[str] = set()
    for declared in template.declarations:
        yield from (f"no decorator {name}" for name in declared.decorators.keys() - DECORATORS)
        if declared.value is not None:
            yield from _unresolved(declared.value, frozenset(names), used, template.path.parent)
        if declared.kind == "module":
            yield from _module(template, declared)
    for declared in (*template.of("param").values(), *template.of("var").values()):
        if declared.name not in used:
            yield f"{declared.kind} {declared.name} is not used"
    yield from _outputs(template)


def unfit_parameters(template: Template, document: Path) -> Iterator[str]:
    """What is wrong with a parameters file of the template."""
    given = json.loads(document.read_text())["parameters"]
    declared = template.of("param")
    yield from (f"there is no parameter {name}" for name in given.keys() - declared.keys())
    yield from (f"{name} is not given" for name in _required(template) - given.keys())


def loaded(template: Template) -> Iterator[Path]:
    """The files that the template is made with: modules and what it loads."""
    for module in template.of("module").values():
        yield (template.path.parent / module.target).resolve()
    for node in walk(template.root):
        if node.type == "call_expression" and text(node.named_children[0]) in FILE_FUNCTIONS:
            yield (template.path.parent / plain(node.named_children[1].named_children[0])).resolve()


def _unresolved(node: Node, known: frozenset[str], used: set[str], folder: Path) -> Iterator[str]:
    children = node.named_children
    match node.type:
        case "identifier":
            used.add(text(node))
            if text(node) not in known:
                yield f"{text(node)} is not declared (line {node.start_point.row + 1})"
            return
        case "call_expression":
            yield from _call(node, folder)
            children = children[1:]
        case "object_property" if isinstance(key(node), str):
            children = children[1:]
        case "for_statement":
            loop, *children = children
            known |= {text(name) for name in loop.named_children or [loop]}
    for child in children:
        yield from _unresolved(child, known, used, folder)


def _call(node: Node, folder: Path) -> Iterator[str]:
    name = text(node.named_children[0])
    if name in FILE_FUNCTIONS:
        path = folder / plain(node.named_children[1].named_children[0])
        if not path.is_file():
            yield f"there is no file {path}"
    elif name not in FUNCTIONS:
        yield f"there is no function {name} (line {node.start_point.row + 1})"


def _module(template: Template, declared: Declaration) -> Iterator[str]:
    path = (template.path.parent / declared.target).resolve()
    if not path.is_file():
        yield f"module {declared.name}: there is no file {declared.target}"
        return
    module = read(path)
    body = next(node for node in walk(declared.node) if node.type == "object")
    given = next((_properties(child) for child in body.named_children if _named(child, "params")), set())
    known = set(module.of("param"))
    yield from (f"module {declared.name}: there is no parameter {name}" for name in given - known)
    yield from (f"module {declared.name}: {name} is not given" for name in _required(module) - given)


def _outputs(template: Template) -> Iterator[str]:
    modules = template.of("module")
    for node in walk(template.root):
        if node.type != "member_expression" or node.named_children[0].type != "member_expression":
            continue
        inner, name = node.named_children
        base, outputs = inner.named_children
        # `a ? b : module.outputs.c` is read as a member of the ternary: its last branch is the module.
        base = base.named_children[-1] if base.type == "ternary_expression" else base
        if text(outputs) != "outputs" or text(base) not in modules:
            continue
        path = template.path.parent / modules[text(base)].target
        if path.is_file() and text(name) not in read(path.resolve()).of("output"):
            yield f"{text(base)} has no output {text(name)}"


def unused_outputs(templates: list[Template], root: Template) -> Iterator[str]:
    """The outputs of modules that nobody takes."""
    everything = "\n".join(text(template.root) for template in templates)
    for template in templates:
        for output in () if template is root else template.of("output"):
            if f".outputs.{output}" not in everything:
                yield f"{template.path.name}: {output}"


def _required(template: Template) -> set[str]:
    return {name for name, param in template.of("param").items() if param.value is None}


def _named(node: Node, name: str) -> bool:
    return node.type == "object_property" and key(node) == name


def _properties(node: Node) -> set[str]:
    return set(chain.from_iterable(_keys(child) for child in node.named_children[1].named_children))


def _keys(node: Node) -> Iterator[str]:
    if node.type == "object_property" and isinstance(name := key(node), str):
        yield name
