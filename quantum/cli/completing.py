"""What the shell offers when Tab is pressed: names that the platform has. It is quick, or silent."""

import asyncio
import contextlib
import io
from collections.abc import Callable, Sequence
from typing import Any

import typer

from quantum.cli import profiles
from quantum.cli.session import Session

PATIENCE = 2.0
"""Seconds after which nothing is offered."""
MANY = 200
type Offered = list[tuple[str, str]]
"""Names, each with a word on it for shells that show one."""


def offers(noun: str, *names: str, about: Sequence[str] = ()) -> Callable[[typer.Context, str], Offered]:
    """Offers what the list of a noun has: the first field of those ``names``, with the fields ``about``."""

    def offer(context: typer.Context, incomplete: str) -> Offered:
        found = [
            (str(next(one[name] for name in names if name in one)), one) for one in _listed(context, noun)
        ]
        return [
            (name, " ".join(str(one.get(field) or "") for field in about))
            for name, one in found
            if name.startswith(incomplete)
        ]

    return offer


intents = offers("intents", "name", about=("status", "description"))
executions = offers("executions", "execution_id", about=("intent_id", "status", "created_at"))
modules = offers("modules", "name", about=("description",))


def named_profiles(context: typer.Context, incomplete: str) -> Offered:  # noqa: ARG001  # typer gives it
    with contextlib.suppress(ValueError, OSError):
        known = profiles.load(profiles.folder()).named
        return [(name, one.url) for name, one in known.items() if name.startswith(incomplete)]
    return []


def tenants(context: typer.Context, incomplete: str) -> Offered:
    return [(one["id"], "") for one in _items(context, "me", "tenants") if one["id"].startswith(incomplete)]


def steps(context: typer.Context, incomplete: str) -> Offered:
    """Those of the execution that stands before."""
    execution = context.params.get("execution")
    found = _items(context, f"executions/{execution}", "steps") if execution else []
    return [(one["id"], one["status"]) for one in found if one["id"].startswith(incomplete)]


def _listed(context: typer.Context, noun: str) -> Sequence[dict[str, Any]]:
    return _items(context, f"{noun}?limit={MANY}", "items")


def _items(context: typer.Context, path: str, field: str) -> Sequence[dict[str, Any]]:
    """What stands there, or nothing, whatever the reason: nobody asked to be told."""
    said = context.find_root().params
    with contextlib.suppress(Exception), contextlib.redirect_stderr(io.StringIO()):
        session = Session.begin(profile=said.get("profile"), url=said.get("url"), tenant=said.get("tenant"))
        found: Sequence[dict[str, Any]] = asyncio.run(_read(session, path))[field]
        return found
    return []


async def _read(session: Session, path: str) -> Any:
    from quantum.client.retries import NO_RETRIES

    async with session.client(retries=NO_RETRIES) as client, asyncio.timeout(PATIENCE):
        return (await client.get(f"/api/v1/{path}")).json()
