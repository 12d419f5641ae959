"""Writes docs/api, a page for each noun of the contract, out of its OpenAPI document: ``make reference``.

With ``--check`` nothing is written: 1 if a page is not what it would be.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from functions.gateway.problems import STATUSES  # noqa: E402
from functions.openapi.document import document  # noqa: E402 - it is found from here on
from shared.domain.errors import QuantumError  # noqa: E402

API: Final = ROOT / "docs" / "api"
MADE: Final = (
    "<!-- Made by scripts/reference.py; change the route or the model, and run `make reference`. -->\n\n"
)
NOUNS: Final = {
    "approvals": "what people are asked, and what they decided",
    "audit": "who did what, and proof that nothing of it was altered",
    "callbacks": "where services that steps wait for say how it went",
    "contexts": "uploaded archives that images are built from",
    "executions": "runs of intents: state, events, outputs; steering and deciding",
    "intents": "what should happen, in versions",
    "me": "who is asking",
    "members": "who belongs to a tenant, in which roles",
    "modules": "the actions that steps can do",
    "policies": "who may do what, and what would be decided",
    "schedules": "executions at times of their own",
    "schemas": "the schema of intents with a tenant's own actions, for editors",
    "secrets": "what steps are given and nobody may read",
    "stats": "each day in numbers",
    "subscriptions": "webhooks that are told of events",
    "system": "health, the contract, the schema of intents",
    "tenants": "tenants, their settings, use, ceilings and end",
}
"""Each noun in a few words; one that is missing here is listed without."""
BEGINNING: Final = """# API reference

All that can be asked of the platform over HTTPS, by noun. It is JSON in UTF-8, under `/api/v1`, with
`Authorization: Bearer` unless a route says otherwise. An installation shows this contract itself and lets you
try it, `/api/v1/docs`, and has it as OpenAPI 3.1, `/api/v1/openapi.json`.

Lists are pages: `{"items": […], "next_cursor": "…"}`. The cursor is sent back as `cursor`, with the same
other parameters, until it is null; `limit` says how many items a page has at most. What has a star is
required.
"""
PROBLEMS: Final = """
## Problems

What goes wrong is `application/problem+json` (RFC 9457) with a stable `code`, and for bad input `errors`,
each with the `pointer` to its place. All that is wrong is told at once. Of these, 400, 401, 403, 429, 500 and
503 may come of any route.
"""
EVERYWHERE: Final = ("X-Request-ID", "X-Tenant-ID")
"""Headers that the index tells of, and no route anew."""
ANYWHERE: Final = ("400", "401", "403", "429", "500", "503")
BOUNDS: Final = {
    "pattern": "matches `{}`",
    "minLength": "length from {}",
    "maxLength": "length up to {}",
    "minItems": "items from {}",
    "maxItems": "items up to {}",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
}

Json = Mapping[str, Any]


def main(arguments: Sequence[str]) -> int:
    made = pages(document())
    if "--check" in arguments:
        stands = {page.name: page.read_text(encoding="utf-8") for page in API.glob("*.md")}
        wrong = sorted(name for name in made.keys() | stands if made.get(name) != stands.get(name))
        if wrong:
            print(
                f"docs/api is not what the contract says: {', '.join(wrong)}; run `make reference`",
                file=sys.stderr,
            )
        return 1 if wrong else 0
    API.mkdir(exist_ok=True)
    for page in API.glob("*.md"):
        page.unlink()
    for name, text in made.items():
        (API / name).write_text(text, encoding="utf-8")
    return 0


def pages(contract: Json) -> dict[str, str]:
    """Every page by its filename."""
    tags = sorted(tag["name"] for tag in contract["tags"])
    return {"README.md": _index(contract, tags)} | {f"{tag}.md": _noun(contract, tag) for tag in tags}


def _index(contract: Json, tags: Sequence[str]) -> str:
    rows = [f"| [{tag}]({tag}.md) | {NOUNS.get(tag, '')} |" for tag in tags]
    problems = [
        f"| `{error.code}` | {STATUSES[error.code].value} | {error.title} |"
        for error in _kinds(QuantumError)
        if "code" in vars(error) and error.code in STATUSES
    ]
    sent = [
        f"| `{one['name']}` | {_cell(one['description'])} |"
        for one in contract["components"]["parameters"].values()
        if one["name"] in EVERYWHERE
    ]
    headers = [
        f"| `{name}` | {_cell(one['description'])} |"
        for name, one in contract["components"]["headers"].items()
    ]
    lines = [
        MADE + BEGINNING,
        *("## Nouns\n", "| Noun | |", "|---|---|", *rows),
        *("\n## Headers of requests\n", "| Header | |", "|---|---|", *sent),
        *("\n## Headers of responses\n", "| Header | |", "|---|---|", *headers),
        *(PROBLEMS, "| Code | Status | Meaning |", "|---|---|---|", *problems),
    ]
    return "\n".join([*lines, ""])


def _kinds(error: type[QuantumError]) -> Iterator[type[QuantumError]]:
    yield error
    for child in error.__subclasses__():
        yield from _kinds(child)


def _noun(contract: Json, tag: str) -> str:
    operations = [
        (method, path, spec)
        for path, methods in sorted(contract["paths"].items())
        for method, spec in methods.items()
        if tag in spec["tags"]
    ]
    text = [MADE + f"# API: {tag}\n"]
    if tag in NOUNS:
        text.append(f"{NOUNS[tag].capitalize()}.\n")
    text += ["| Route | |", "|---|---|"]
    for method, path, spec in operations:
        title, _ = _title(spec)
        text.append(f"| `{method.upper()} {path}` | [{title}](#{_anchor(title)}) |")
    text.append("")
    for method, path, spec in operations:
        text.extend(_operation(contract, method, path, spec))
    models = _models(contract, [spec for _, _, spec in operations])
    if models:
        text.append("## Models\n")
    for name, schema in models.items():
        text += [f"### {name}\n", *_model(schema)]
    return "\n".join(text)


def _title(spec: Json) -> tuple[str, str]:
    title, *more = re.split("[:;] ", spec["summary"], maxsplit=1)
    return title, " ".join(more)


def _operation(contract: Json, method: str, path: str, spec: Json) -> Iterator[str]:
    title, more = _title(spec)
    yield f"## {title}\n"
    if more:
        yield f"{more[0].upper()}{more[1:]}.\n"
    if spec.get("description"):
        yield f"{spec['description']}\n"
    needed = f"the permission `{spec['x-permission']}`" if "x-permission" in spec else None
    if needed is None:
        needed = "a token, and no permission" if spec.get("security", True) else "no token"
    yield f"`{method.upper()} {path}` needs {needed}.\n"
    parameters = [_follow(contract, one) for one in spec["parameters"]]
    if told := [one for one in parameters if one["name"] not in EVERYWHERE]:
        yield from _table(told)
    if body := spec.get("requestBody"):
        yield f"**Body**: {_bodies(body)}\n"
    responses = {status: _follow(contract, one) for status, one in spec["responses"].items()}
    for status, response in responses.items():
        if status < "400":
            yield f"**{status}**: {_bodies(response) or 'no body'}\n"
    if problems := [f"{_cell(one['description'])} ({status})" for status, one in _problems(responses)]:
        yield f"**Problems**: {', '.join(problems)}\n"


def _problems(responses: Json) -> list[tuple[str, Json]]:
    return [(status, one) for status, one in responses.items() if status >= "400" and status not in ANYWHERE]


def _table(parameters: Sequence[Json]) -> Iterator[str]:
    yield "| Parameter | In | Type | |"
    yield "|---|---|---|---|"
    for one in parameters:
        schema = {"description": one.get("description", ""), **one["schema"]}
        name = f"`{one['name']}`" + (" \\*" if one.get("required") else "")
        yield f"| {name} | {one['in']} | {_kind(schema)} | {_meaning(schema)} |"
    yield ""


def _bodies(holder: Json) -> str:
    """What is said, with each way in which it may be."""
    ways: dict[str, list[str]] = {}
    for media, body in holder.get("content", {}).items():
        ways.setdefault(_kind(body.get("schema", {})), []).append(f"`{media}`")
    return ", ".join(f"{kind} ({' or '.join(media)})" for kind, media in ways.items())


def _anchor(title: str) -> str:
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def _model(schema: Json) -> Iterator[str]:
    if schema.get("description"):
        yield f"{schema['description']}\n"
    fields = schema.get("properties", {})
    if fields:
        yield "| Field | Type | |"
        yield "|---|---|---|"
        for name, field in fields.items():
            required = " \\*" if name in schema.get("required", []) else ""
            yield f"| `{name}`{required} | {_kind(field)} | {_meaning(field)} |"
        yield ""
    elif "enum" in schema or "anyOf" in schema:
        yield f"{_kind(schema)}\n"
    example = _example(schema)
    if example is not None:
        yield f"```json\n{json.dumps(example, indent=2, ensure_ascii=False)}\n```\n"


def _example(schema: Json) -> Any:
    """The model's own, or one of its required fields' if each has one."""
    if schema.get("examples"):
        return schema["examples"][0]
    fields = {name: schema.get("properties", {}).get(name, {}) for name in schema.get("required", [])}
    examples = {name: field["examples"][0] for name, field in fields.items() if field.get("examples")}
    return examples if examples and len(examples) == len(fields) else None


def _models(contract: Json, specs: Sequence[Json]) -> dict[str, Json]:
    """The models that the operations speak of, and those that these do; problems are told of in the index."""
    found: dict[str, Json] = {}
    queue = [name for spec in specs for name in _names(contract, spec)]
    while queue:
        name = queue.pop(0)
        if name not in found and name != "Problem":
            found[name] = contract["components"]["schemas"][name]
            queue.extend(_names(contract, found[name]))
    return found


def _names(contract: Json, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        reference = value.get("$ref")
        if isinstance(reference, str):
            if reference.startswith("#/components/schemas/"):
                yield reference.rpartition("/")[2]
            elif reference.startswith("#/components/responses/"):
                yield from _names(contract, _follow(contract, value))
        for part in value.values():
            yield from _names(contract, part)
    elif isinstance(value, list):
        for part in value:
            yield from _names(contract, part)


def _kind(schema: Json) -> str:  # noqa: PLR0911 - one for each way to say it
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return " or ".join(f"`{one}`" for one in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_kind(one) for one in schema[several]))
    if len(schema.get("allOf", [])) == 1:
        return _kind(schema["allOf"][0])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    kind = schema.get("format") or schema.get("type") or "anything"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _meaning(schema: Json) -> str:
    """The description, what is held against it, and what it is where it is not sent."""
    plain = next((one for one in schema.get("anyOf", []) if one.get("type") not in (None, "null")), schema)
    held = [
        told.format(str(plain[name]).replace("|", "\\|")) for name, told in BOUNDS.items() if name in plain
    ]
    if schema.get("default") not in (None, "", [], {}):
        held.append(f"default `{json.dumps(schema['default'], ensure_ascii=False)}`")
    return " ".join([_cell(schema.get("description", "")), f"({'; '.join(held)})" if held else ""]).strip()


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _follow(contract: Json, value: Json) -> Json:
    if "$ref" not in value:
        return value
    at: Any = contract
    for key in value["$ref"].removeprefix("#/").split("/"):
        at = at[key]
    return at  # type: ignore[no-any-return]  # a part of the document


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
