"""What a deployment would make: the templates evaluated with parameters, down to every resource's body.

What only Azure knows (an address, a principal's id) stays a :class:`Later`. Evaluation is lazy, as Azure's
is: the branch that is not taken is not looked at, and a module whose condition is false has no outputs.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from tree_sitter import Node

from tests.infra.bicep.functions import FUNCTIONS, GROUP, SUBSCRIPTION, Later
from tests.infra.bicep.syntax import Declaration, Template, key, pieces, plain, read, text

type Json = Any
type Make = Callable[[Declaration, Node, dict[str, Json]], Json]
_TYPES = {"string": str, "int": int, "bool": bool, "object": dict, "array": list}


class BicepError(Exception):
    """The templates cannot be deployed so; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource as it would be sent: ``body`` has what is not type, name, parent or scope."""

    type: str
    version: str
    name: str
    id: str
    symbol: str
    file: str
    body: dict[str, Json]
    scope: str | None = None

    def get(self, dotted: str, default: Json = None) -> Json:
        """The value in the body at ``properties.siteConfig.minTlsVersion``, say."""
        found: Json = self.body
        for name in dotted.split("."):
            if not isinstance(found, Mapping) or name not in found:
                return default
            found = found[name]
        return found


@dataclass(slots=True)
class Deployment:
    resources: list[Resource] = field(default_factory=list[Resource])
    outputs: dict[str, Json] = field(default_factory=dict[str, Json])

    def of(self, type: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.type == type]

    def one(self, type: str) -> Resource:
        (found,) = self.of(type)
        return found


def deploy(path: Path, parameters: Mapping[str, Json]) -> Deployment:
    """Everything that deploying the template at ``path`` would make.

    Raises:
        BicepError: a parameter, a name or an output that is not there, or a value of the wrong type.
    """
    made = Deployment()
    frame = Frame(read(path), parameters, made.resources)
    made.outputs = frame.run()
    return made


class Frame:
    """The evaluation of one file with its parameters."""

    def __init__(self, template: Template, given: Mapping[str, Json], made: list[Resource]) -> None:
        self._template = template
        self._given = given
        self._made = made
        self._known: dict[str, Json] = {}
        self._symbols = {found.name: found for found in template.declarations if found.kind != "output"}
        for name in given:
            if name not in template.of("param"):
                raise BicepError(f"{template.path.name}: there is no parameter {name}")

    def run(self) -> dict[str, Json]:
        """Evaluate everything; gives the outputs."""
        for name in self._symbols:
            self._symbol(name)
        outputs = self._template.of("output")
        return {name: self._checked(found, self._eval(_value(found), {})) for name, found in outputs.items()}

    def _symbol(self, name: str) -> Json:
        if name not in self._known:
            declared = self._symbols.get(name)
            if declared is None:
                raise BicepError(f"{self._template.path.name}: {name} is not declared")
            kinds: dict[str, Callable[[Declaration], Json]] = {
                "param": self._parameter,
                "var": lambda var: self._eval(_value(var), {}),
                "resource": lambda resource: self._each(resource, self._resource),
                "module": lambda module: self._each(module, self._module),
            }
            self._known[name] = kinds[declared.kind](declared)
        return self._known[name]

    def _parameter(self, declared: Declaration) -> Json:
        if declared.name in self._given:
            return self._checked(declared, self._given[declared.name])
        if declared.value is None:
            raise BicepError(f"{self._template.path.name}: the parameter {declared.name} is not given")
        return self._checked(declared, self._eval(declared.value, {}))

    def _checked(self, declared: Declaration, value: Json) -> Json:
        where = f"{self._template.path.name}: {declared.kind} {declared.name}"
        if not isinstance(value, _TYPES[declared.type]) or (
            declared.type == "int" and isinstance(value, bool)
        ):
            raise BicepError(f"{where} is {value!r}, not of type {declared.type}")
        if (allowed := declared.decorators.get("allowed")) and value not in self._argument(allowed):
            raise BicepError(f"{where} is {value!r}, which is not allowed")
        if (least := declared.decorators.get("minLength")) and len(cast("str", value)) < self._argument(
            least
        ):
            raise BicepError(f"{where} is too short")
        return value

    def _argument(self, call: Node) -> Json:
        return self._eval(call.named_children[1].named_children[0], {})

    def _each(self, declared: Declaration, make: Make) -> Json:
        body = _value(declared)
        if body.type != "for_statement":
            return self._made_if(declared, body, {}, make)
        return [self._made_if(declared, inner, local, make) for inner, local in self._loop(body, {})]

    def _loop(self, node: Node, local: Mapping[str, Json]) -> list[tuple[Node, dict[str, Json]]]:
        """What is repeated, and what its names stand for each time."""
        loop, over, inner = node.named_children
        names = [text(child) for child in loop.named_children] or [text(loop)]
        return [
            (inner, {**local, **dict(zip(names, (element, index), strict=False))})
            for index, element in enumerate(self._eval(over, local))
        ]

    def _made_if(
        self,
        declared: Declaration,
        body: Node,
        local: dict[str, Json],
        make: Make,
    ) -> Json:
        if body.type == "if_statement":
            condition, body = body.named_children
            if not self._eval(condition, local):
                self._look_at_place(body, local)
                return None
        return make(declared, body, local)

    def _look_at_place(self, body: Node, local: dict[str, Json]) -> None:
        """Name and scope are evaluated by Azure whether the condition holds or not."""
        for child in body.named_children:
            if child.type == "object_property" and key(child) in ("name", "scope"):
                self._eval(child.named_children[1], local)

    def _resource(self, declared: Declaration, node: Node, local: dict[str, Json]) -> Resource:
        body = self._eval(node, local)
        kind, _, version = declared.target.partition("@")
        parent, scope = body.pop("parent", None), body.pop("scope", None)
        body.pop("dependsOn", None)
        name = body.pop("name")
        own = f"{kind.rsplit('/', 1)[1]}/{name}" if parent else f"providers/{kind}/{name}"
        base = parent or scope
        root = SUBSCRIPTION if self._template.scope == "subscription" else GROUP
        made = Resource(
            type=kind,
            version=version,
            name=name,
            id=f"{base.id if base else root}/{own}",
            symbol=declared.name,
            file=self._template.path.name,
            body=body,
            scope=scope.id if scope else None,
        )
        if not declared.existing:
            self._made.append(made)
        return made

    def _module(self, declared: Declaration, node: Node, local: dict[str, Json]) -> Json:
        body = self._eval(node, local)
        path = (self._template.path.parent / declared.target).resolve()
        return {"outputs": Frame(read(path), body.get("params", {}), self._made).run()}

    def _eval(self, node: Node, local: Mapping[str, Json]) -> Json:
        evaluate = getattr(self, f"_eval_{node.type}", None)
        if evaluate is None:
            raise BicepError(f"{self._template.path.name}: {node.type} is not understood: {text(node)}")
        return evaluate(node, local)

    def _eval_identifier(self, node: Node, local: Mapping[str, Json]) -> Json:
        name = text(node)
        return local[name] if name in local else self._symbol(name)

    def _eval_boolean(self, node: Node, _: Mapping[str, Json]) -> bool:
        return text(node) == "true"

    def _eval_number(self, node: Node, _: Mapping[str, Json]) -> int:
        return int(text(node))

    def _eval_null(self, _node: Node, _: Mapping[str, Json]) -> None:
        return None

    def _eval_string(self, node: Node, local: Mapping[str, Json]) -> str:
        parts = [part if isinstance(part, str) else self._eval(part, local) for part in pieces(node)]
        return (Later if any(isinstance(part, Later) for part in parts) else str)("".join(map(str, parts)))

    def _eval_array(self, node: Node, local: Mapping[str, Json]) -> list[Json]:
        return [self._eval(child, local) for child in node.named_children if child.type != "comment"]

    def _eval_for_statement(self, node: Node, local: Mapping[str, Json]) -> list[Json]:
        return [self._eval(inner, each) for inner, each in self._loop(node, local)]

    def _eval_object(self, node: Node, local: Mapping[str, Json]) -> dict[str, Json]:
        made: dict[str, Json] = {}
        for child in node.named_children:
            if child.type != "comment":
                name = key(child)
                name = name if isinstance(name, str) else self._eval(name, local)
                if name in made:
                    raise BicepError(f"{self._template.path.name}: {name} twice in an object")
                made[name] = self._eval(child.named_children[1], local)
        return made

    def _eval_parenthesized_expression(self, node: Node, local: Mapping[str, Json]) -> Json:
        return self._eval(node.named_children[0], local)

    def _eval_unary_expression(self, node: Node, local: Mapping[str, Json]) -> Json:
        value = self._eval(node.named_children[0], local)
        return not value if node.children[0].type == "!" else -value

    def _eval_ternary_expression(self, node: Node, local: Mapping[str, Json]) -> Json:
        condition, yes, no = node.named_children
        return self._eval(yes if self._eval(condition, local) else no, local)

    def _eval_binary_expression(self, node: Node, local: Mapping[str, Json]) -> Json:
        left, right = node.named_children
        first = self._eval(left, local)
        match node.children[1].type:
            case "&&":
                return first and self._eval(right, local)
            case "||":
                return first or self._eval(right, local)
            case "==":
                return first == self._eval(right, local)
            case "!=":
                return first != self._eval(right, local)
            case ">":
                return first > self._eval(right, local)
            case other:
                raise BicepError(f"{self._template.path.name}: the operator {other} is not understood")

    def _eval_subscript_expression(self, node: Node, local: Mapping[str, Json]) -> Json:
        base, index = (self._eval(child, local) for child in node.named_children)
        return self._member(base, index, node)

    def _eval_member_expression(self, node: Node, local: Mapping[str, Json]) -> Json:
        ternary = _misread(node)
        if ternary is not None and self._eval(ternary.named_children[0], local):
            return self._eval(ternary.named_children[1], local)
        base, name = node.named_children
        base = ternary.named_children[2] if base == ternary and ternary is not None else base
        return self._member(self._eval(base, local), text(name), node)

    def _member(self, base: Json, name: str | int, node: Node) -> Json:
        if isinstance(base, Later):
            return Later(f"{base.rstrip('>')}.{name}>")
        if isinstance(base, Resource):
            return getattr(base, name) if name in ("id", "name") else Later(f"<{base.id}:{name}>")
        try:
            return base[name]
        except (KeyError, IndexError, TypeError) as error:
            raise BicepError(f"{self._template.path.name}: {text(node)}: there is no {name}") from error

    def _eval_call_expression(self, node: Node, local: Mapping[str, Json]) -> Json:
        name, arguments = text(node.named_children[0]), node.named_children[1].named_children
        if name == "loadJsonContent":
            return json.loads((self._template.path.parent / plain(arguments[0])).read_text())
        if name == "loadTextContent":
            return (self._template.path.parent / plain(arguments[0])).read_text()
        if name not in FUNCTIONS:
            raise BicepError(f"{self._template.path.name}: there is no function {name}")
        return FUNCTIONS[name](*(self._eval(argument, local) for argument in arguments))


def _value(declared: Declaration) -> Node:
    assert declared.value is not None, declared.name  # the grammar lets only a param go without
    return declared.value


def _misread(member: Node) -> Node | None:
    """The ternary whose last branch this is a member of.

    The grammar takes ``a ? b : c.d`` for ``(a ? b : c).d``; the compiler does not.
    """
    base = member
    while base.type == "member_expression":
        base = base.named_children[0]
    return base if base.type == "ternary_expression" else None
