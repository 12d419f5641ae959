"""Writes ``docs/actions.md``, the reference of actions, from what they say: ``make reference``.

``--check`` writes nothing, and is 1 where the page is not what it would be.
"""

import argparse
import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from shared.domain.approvals import Approval, Question
from shared.domain.failures import ANY_STEP, Failure
from shared.modules.catalogue import BuiltInActions
from shared.modules.containers.building.bases import Bases
from shared.modules.containers.building.builtin import BuiltInBuilder
from shared.modules.containers.building.contexts import Contexts
from shared.modules.containers.building.git_contexts import GitContexts
from shared.modules.containers.building.uploaded import UploadedContexts
from shared.modules.containers.builds import BuildContainer, BuildDockerImage
from shared.modules.containers.registry.repositories import NO_REPOSITORIES
from shared.ports.actions import Action
from shared.security.egress import EgressPolicy
from shared.security.scope import TenantScope

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "actions.md"
HEAD: Final = """\
# Actions

All that steps can do, as the actions say it themselves: `make reference` writes this page, and a test holds
it to them. `GET /api/v1/modules` tells the same with JSON Schemas, to programs; [intents.md](intents.md)
says how steps are written.

What repeating an action means is its side effect. **pure**: it changes nothing outside. **idempotent**:
doing it twice is doing it once. **compensatable**: it can be undone. **irreversible**: none of these, so it
is repeated only where a step asks for that.

What a step fails with has a code, for `retry` (`non_retryable`) and for who reads it. These are of any step,
and each action has its own below; [retrying.md](retrying.md) says when another attempt is made.
"""
_LIMITS: Final = (
    ("minimum", "maximum", ""),
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " items"),
    ("minProperties", "maxProperties", " fields"),
)
_AGAIN: Final[Mapping[bool | None, str]] = {
    True: "may help",
    False: "is not made",
    None: "depends",
}
_ZEROS: Final = re.compile(r"0{64}")
_KINDS: Final[Mapping[str, str]] = {
    "string": "text",
    "boolean": "true or false",
}

type Schema = Mapping[str, Any]


class Nobody:
    """Whom nothing is asked, for nothing runs here."""

    async def ask(self, scope: TenantScope, execution_id: str, step: str, question: Question) -> Approval:
        raise NotImplementedError


def catalogue() -> BuiltInActions:
    """Every action that is built in, over nothing."""
    egress, bases = EgressPolicy(), Bases(NO_REPOSITORIES)
    contexts = Contexts(UploadedContexts(NO_REPOSITORIES), GitContexts(egress), None)
    builder = BuiltInBuilder(NO_REPOSITORIES, bases)
    builds = [kind(builder, contexts, NO_REPOSITORIES, bases) for kind in (BuildContainer, BuildDockerImage)]
    return BuiltInActions(egress=egress, approvals=Nobody(), builds=builds)


def page(actions: BuiltInActions) -> str:
    """The page, from beginning to end."""
    by_module = {
        name: sorted((one for one in actions.actions() if one.module == name), key=lambda one: one.name)
        for name in sorted(actions.modules())
    }
    parts = [HEAD, *_failures(ANY_STEP), "| Module | Actions |\n|---|---|"]
    for name, some in by_module.items():
        parts[-1] += f"\n| {name} | {', '.join(f'[{one.name}](#{one.name})' for one in some)} |"
    for name, some in by_module.items():
        parts.append(f"## {name}\n\n{actions.modules()[name]}")
        parts += ["\n\n".join(_section(one)) for one in some]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _section(action: Action) -> Iterator[str]:
    parameters, outputs = action.Parameters.model_json_schema(), action.Outputs.model_json_schema()
    yield f"### {action.name}"
    yield (inspect.getdoc(type(action)) or "").replace("``", "`")
    yield " ".join(_facts(action))
    yield from _tables("Parameter", parameters, action)
    yield from _tables("Output", outputs)
    yield from _failures(action.failures)
    for example in action.examples:
        yield f"```json\n{json.dumps(example, indent=2, ensure_ascii=False)}\n```"


def _facts(action: Action) -> Iterator[str]:
    """What else there is to say of it, a sentence each."""
    yield f"It is **{action.side_effect}**."
    if action.permission != Action.permission:
        yield f"Only who is permitted `{action.permission}` has it complete."
    for name, taking in action.takes.items():
        unless = "".join(f", unless there is `{other}`" for other in sorted(taking.unless))
        yield f"Left out, `{name}` is the {taking.kind} of the nearest step before that has one{unless}."
    for kind, output in action.offers.items():
        yield f"Its `{output}` is the {kind} that later steps take."
    if action.undone_by is not None:
        yield f"If its execution fails, [{action.undone_by.action}](#{action.undone_by.action}) undoes it."
    if action.takes_secrets:
        yield f"Secrets may stand in {_listed(sorted(action.takes_secrets))}."
    if action.waits:
        yield "It may take long, and costs nothing meanwhile."
    if action.gives_up:
        yield "When it is cancelled, or takes longer than its step may, what it has begun is stopped."
    if not action.foresees:
        yield "A dry run tells nothing of it but that it would run."


def _failures(failures: Sequence[Failure]) -> Iterator[str]:
    """A table of the codes, if there are any."""
    if failures:
        rows = [["Error", "Another attempt", "When"], ["---"] * 3]
        rows += [[f"`{one.code}`", _AGAIN[one.retryable], one.meaning] for one in failures]
        yield "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(f"`{name}`" for name in names[:-1]), f"`{names[-1]}`"]))


def _tables(what: str, schema: Schema, action: Action | None = None) -> Iterator[str]:
    """A table of the fields, and one for each model that they are made of."""
    models: Mapping[str, Schema] = schema.get("$defs", {})
    if schema.get("properties"):
        yield _table(what, schema, models, action)
    elif what == "Output":
        told = schema.get("description", "").replace("``", "`") if "additionalProperties" in schema else ""
        yield f"Outputs: {told}" if told and schema["additionalProperties"] else "It has no outputs."
    for name, model in models.items():
        if "properties" in model:
            yield f"`{name}`: {model.get('description', '')}".replace("``", "`").rstrip(": ")
            yield _table("Field", model, models)


def _table(what: str, schema: Schema, models: Mapping[str, Schema], action: Action | None = None) -> str:
    """A row for each field; of parameters, ``action`` says which are expressions, and which are taken."""
    columns = [what, "Is", "What it says"] if what == "Output" else [what, "Is", "Without it", "What it says"]
    rows = [columns, ["---"] * len(columns)]
    for name, field in schema["properties"].items():
        kind = "expression" if action and name in action.conditions else _kind(field, models)
        row = [f"`{name}`", kind, _says(field, models)]
        if what != "Output":
            taken = action is not None and name in action.takes
            row.insert(2, "an earlier step's" if taken else _default(name, field, schema))
        rows.append(row)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _says(field: Schema, models: Mapping[str, Schema]) -> str:
    told = field.get("description") or models.get(_model(field), {}).get("description", "")
    limits = "; ".join(_limits(field))
    examples = ", ".join(_example(one) for one in field.get("examples", ()))
    more = [f"({limits})" if limits else "", f"Like {examples}." if examples else ""]
    return _cell(" ".join(filter(None, [told, *more])))


def _example(value: Any) -> str:
    return f"`{_ZEROS.sub('…', json.dumps(value, ensure_ascii=False))}`"


def _model(field: Schema) -> str:
    return str(field.get("$ref", "")).removeprefix("#/$defs/")


def _kind(field: Schema, models: Mapping[str, Schema]) -> str:
    """What a value is, in words."""
    if (name := _model(field)) in models:
        return f"`{name}`" if "properties" in models[name] else _kind(models[name], models)
    if "enum" in field or "const" in field:
        return " or ".join(f"`{one}`" for one in field.get("enum", [field.get("const")]))
    if "anyOf" in field:
        kinds = dict.fromkeys(_kind(one, models) for one in field["anyOf"] if one.get("type") != "null")
        return " or ".join(kinds)
    kind = field.get("type", "anything")
    if kind == "array":
        of = _kind(field["items"], models) if field.get("items") else "anything"
        return f"list of {of}"
    if kind == "object" and isinstance(fields := field.get("additionalProperties"), Mapping):
        return f"object of {_kind(fields, models)}"
    return _KINDS.get(kind, kind)


def _default(name: str, field: Schema, schema: Schema) -> str:
    if name in schema.get("required", ()):
        return "*required*"
    default = field.get("default")
    return "" if default is None or default in ({}, []) else f"`{json.dumps(default, ensure_ascii=False)}`"


def _limits(field: Schema) -> Iterator[str]:
    for one in [field, *field.get("anyOf", ())]:
        for least, most, what in _LIMITS:
            match one.get(least), one.get(most):
                case None, None:
                    pass
                case None, limit:
                    yield f"at most {limit}{what}"
                case limit, None:
                    yield f"at least {limit}{what}"
                case low, high:
                    yield f"{low} to {high}{what}"
        if "pattern" in one:
            yield f"`{one['pattern']}`"


def _cell(text: str) -> str:
    """In a table, a line may not end, nor a cell."""
    return re.sub(r"\s+", " ", text.replace("``", "`")).replace("|", "\\|")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make reference", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing, and say whether the page is true"
    )
    wanted = page(catalogue())
    if parser.parse_args(arguments).check:
        if PAGE.exists() and PAGE.read_text() == wanted:
            return 0
        print("docs/actions.md is not what the actions say: run 'make reference'", file=sys.stderr)
        return 1
    PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
