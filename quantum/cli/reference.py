"""Every command on one page, as ``make reference`` writes it: docs/cli-reference.md."""

from collections.abc import Iterator
from typing import Any

import typer

from quantum.cli.app import app

HEAD = """\
# Every command of `quantum`

`quantum.cli.reference` makes this page of the commands. What to do with them is in [cli.md](cli.md).
`--profile`, `--url` and `--tenant` stand before the command, `--help` behind any.
"""


def commands(group: Any, words: tuple[str, ...] = ("quantum",)) -> Iterator[tuple[str, Any]]:
    """Each command that does something, with the words that call it."""
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


def page() -> str:
    parts = [HEAD]
    for words, command in commands(typer.main.get_command(app)):
        parts.append("\n".join(_command(words, command)))
    return "\n".join(parts)


def _command(words: str, command: Any) -> Iterator[str]:
    usage = " ".join(["[OPTIONS]", *(_place(one) for one in command.params if _is_argument(one))])
    yield f"## {words}\n"
    yield f"{' '.join(command.help.split())}\n"
    yield f"```\n{words} {usage}\n```\n"
    rows = [_row(parameter) for parameter in command.params if parameter.name != "help"]
    if rows:
        yield "| | |\n|---|---|"
        yield "\n".join(rows) + "\n"
    yield f"Example: `{command.epilog.removeprefix('Example: ')}`\n"


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _place(argument: Any) -> str:
    name = argument.name.upper() + ("…" if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _row(parameter: Any) -> str:
    names = [*parameter.opts, *parameter.secondary_opts]
    if _is_argument(parameter):
        names = [parameter.name.upper()]
    told = parameter.help or ""
    if getattr(parameter, "show_default", None) and parameter.default not in {None, False}:
        told += f" Default: `{getattr(parameter.default, 'value', parameter.default)}`."
    return f"| {' '.join(f'`{name}`' for name in names)} | {told.replace('|', '\\|')} |"


if __name__ == "__main__":
    print(page(), end="")
