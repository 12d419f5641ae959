"""The JSON Schema (2020-12) of definitions, made of the models that validation itself asks.

What it refuses is refused by validation too. It cannot know all that validation does, so the reverse does
not hold: it is for editors, which complete and underline by it.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from pydantic import BaseModel

from shared.domain.actions import ActionSpec
from shared.domain.definitions import MAX_STEPS, Definition
from shared.domain.manifests import ModuleVersion, RemoteAction, full_name
from shared.domain.steps import KEYWORDS, Compensation, Step
from shared.domain.templates import OPEN
from shared.services.modules.manuals import schema_of

type Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TEMPLATE: Final[Schema] = {"$ref": "#/$defs/Template"}
_NULL: Final[Schema] = {"type": "null"}
_FLAT: Final[Schema] = {"action": "http-request", "url": "https://example.com/health", "timeout": 30}
_LONG: Final[Schema] = {"action": "http-request", "parameters": {"url": "https://example.com/health"}}
_EXAMPLES: Final[Sequence[Schema]] = [
    {"target": "production", "steps": [{"id": "settle", "action": "wait", "seconds": 5}, _FLAT]},
    {"steps": [_LONG]},
]
"""The flat form and the long form."""
_TOLD: Final = ("description", "default", "examples")


class Schemas:
    """Made when it is first asked for, and kept."""

    def __init__(self, specs: Mapping[str, ActionSpec], models: Mapping[str, type[BaseModel]]) -> None:
        self._specs = specs
        self._models = models

    @cached_property
    def definition(self) -> tuple[Schema, Mapping[str, Schema]]:
        """The schema of a definition, and what it refers to under ``#/$defs/``."""
        defs: dict[str, Schema] = {
            "Template": {
                "type": "string",
                "pattern": r"\$\{\{",
                "description": f"A text with expressions: `{OPEN} parameters.name }}}}`. Where they say "
                f"so, parameters take secrets, too, each by itself: `Bearer {OPEN} secrets.NAME }}}}`.",
            }
        }
        defs["Step"] = self._step(defs)
        properties = _properties(Definition, defs)
        properties["parameters"] = {**properties["parameters"], "$ref": DIALECT}
        for section in ("steps", "finally"):
            properties[section] = {
                "description": properties[section]["description"],
                "type": ["array", "null"],
                "maxItems": MAX_STEPS,
                "items": {"$ref": "#/$defs/Step"},
            }
        properties["outputs"] = _or(_NULL, properties["outputs"])
        definition: Schema = {
            "$anchor": "definition",
            "type": "object",
            "description": "What should happen. Other keys than these are descriptive.",
            "properties": properties,
            "examples": _EXAMPLES,
        }
        return definition, defs

    def with_modules(self, modules: Sequence[ModuleVersion]) -> tuple[Schema, Mapping[str, Schema]]:
        """The same, with the actions of a tenant's own modules."""
        definition, defs = self.definition
        own = {
            full_name(module.name, name): action
            for module in modules
            for name, action in module.manifest.actions.items()
        }
        branches = [_remote_branch(name, action) for name, action in sorted(own.items())]
        names = sorted([*self._models, *own])
        return definition, {
            **defs,
            **{
                place: {
                    **defs[place],
                    "properties": defs[place]["properties"]
                    | {"action": defs[place]["properties"]["action"] | {"enum": names}},
                    "allOf": [*defs[place]["allOf"], *branches],
                }
                for place in ("Step", "Compensation")
            },
        }

    def _step(self, defs: dict[str, Schema]) -> Schema:
        properties = _properties(Step, defs)
        keywords = {
            name: _or(_NULL, schema)
            for name, schema in properties.items()
            if name in KEYWORDS - {"parameters"}
        }
        keywords["compensate"] = {
            "description": properties["compensate"]["description"],
            "anyOf": [{"$ref": "#/$defs/Compensation"}, {"const": False}, _NULL],
        }
        defs["Compensation"] = {
            "type": "object",
            "description": "What undoes a step: an action, with its parameters as a step has them.",
            **self._acting(
                {name: keywords[name] for name in sorted(Compensation.model_fields.keys() & keywords.keys())},
                defs,
            ),
        }
        return {
            "type": "object",
            "description": "One step: keywords, and its action's parameters beside them or in `parameters`.",
            **self._acting(keywords, defs),
            "examples": [_FLAT, _LONG],
        }

    def _acting(self, keywords: dict[str, Schema], defs: dict[str, Schema]) -> Schema:
        """What has an action, and its parameters beside ``keywords`` or in ``parameters``."""
        action = {"enum": sorted(self._models), "description": keywords["action"].get("description", "")}
        return {
            "properties": keywords | {"action": action, "parameters": {"type": ["object", "null"]}},
            "required": ["action"],
            "allOf": [self._branch(name, defs) for name in sorted(self._models)],
            "unevaluatedProperties": False,
        }

    def _branch(self, action: str, defs: dict[str, Schema]) -> Schema:
        """What a step with this action may have beside the keywords."""
        model = self._models[action]
        properties = {
            name: _or({"type": "string"}, schema) if name in self._specs[action].conditions else schema
            for name, schema in _properties(model, defs, templates=True).items()
        }
        required: Sequence[str] = schema_of(model).get("required", ())
        return {
            "if": {"properties": {"action": {"const": action}}, "required": ["action"]},
            "then": {
                "description": (model.__doc__ or "").strip(),
                "properties": properties
                | {
                    "parameters": {
                        "type": ["object", "null"],
                        "properties": properties,
                        "additionalProperties": False,
                    }
                },
                **({"allOf": [_given(name) for name in required]} if required else {}),
            },
        }


def _remote_branch(name: str, action: RemoteAction) -> Schema:
    """What a step with an action of a tenant's own module may have beside the keywords.

    Of its schema that is taken which says the same where values have expressions in their places; what it
    says else of a parameter is left to validation.
    """
    schema = action.parameters
    told: Mapping[str, Any] = schema.get("properties", {})
    properties = {key: _remote(part) for key, part in told.items()}
    closed = schema.get("additionalProperties") is False
    required = [key for key in schema.get("required", ()) if key not in KEYWORDS]
    more = {} if closed else {"additionalProperties": True}
    long = {"type": ["object", "null"], "properties": properties, "additionalProperties": not closed}
    flat = {key: part for key, part in properties.items() if key not in KEYWORDS}
    return {
        "if": {"properties": {"action": {"const": name}}, "required": ["action"]},
        "then": {
            "description": action.description,
            "properties": flat | {"parameters": long},
            **more,
            **({"allOf": [_given(key) for key in required]} if required else {}),
        },
    }


_SAME: Final = frozenset(
    {
        *("type", "enum", "const", "properties", "required", "items", "additionalProperties", "anyOf"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "pattern", "format", "title", *_TOLD),
    }
)


def _remote(schema: Any) -> Schema:
    """A parameter's schema with expressions; what cannot be said of those is only described."""
    if isinstance(schema, dict) and _is_plain(schema):
        return _or(_TEMPLATE, _inside(schema))
    return {key: schema[key] for key in _TOLD if key in schema} if isinstance(schema, dict) else {}


def _is_plain(schema: Any) -> bool:
    """Whether each of its parts may be an expression, and all else that it says stays true."""
    if isinstance(schema, bool):
        return True
    if not schema.keys() <= _SAME:
        return False
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    inner += [schema[key] for key in ("items", "additionalProperties") if key in schema]
    return all(map(_is_plain, inner))


def _given(name: str) -> Schema:
    """That a parameter is there, in either form."""
    long = {"properties": {"parameters": {"type": "object", "required": [name]}}, "required": ["parameters"]}
    return {"anyOf": [{"required": [name]}, long]}


def _properties(
    model: type[BaseModel], defs: dict[str, Schema], *, templates: bool = False
) -> dict[str, Schema]:
    """The properties of a model; what they refer to is put into ``defs``."""
    schema = schema_of(model)
    for name, part in schema.get("$defs", {}).items():
        defs.setdefault(name, _inside(part) if templates else part)
    properties = {name: _untitled(part) for name, part in schema["properties"].items()}
    return {name: _or(_TEMPLATE, _inside(part)) if templates else part for name, part in properties.items()}


def _untitled(schema: Schema) -> Schema:
    """``schema`` without the title that the model made of the property's name."""
    return {key: value for key, value in schema.items() if key != "title"}


def _or(other: Schema, schema: Schema) -> Schema:
    """``schema``, or ``other`` in its place; what describes the value stays with the whole."""
    told: Schema = {key: schema[key] for key in _TOLD if key in schema}
    rest = {key: value for key, value in schema.items() if key not in told}
    kinds = rest.pop("anyOf", None) if set(rest) == {"anyOf"} else None
    return {**told, "anyOf": [*(kinds or [rest]), other]} if rest or kinds else told


def _inside(schema: Schema) -> Schema:
    """``schema`` with a ``${{ }}`` allowed in the place of every value that it has inside."""
    changed = dict(schema)
    if "properties" in schema:
        changed["properties"] = {
            name: _or(_TEMPLATE, _inside(part)) for name, part in schema["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            changed[key] = _or(_TEMPLATE, _inside(schema[key]))
    if "anyOf" in schema:
        changed["anyOf"] = [_inside(part) for part in schema["anyOf"]]
    return changed
