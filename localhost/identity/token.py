"""Tokens without a sign-in, for whoever has the data folder: the ``token`` and ``client`` commands.

Both make what they name if it is new: the tenant, the member, the issuer's user or service. Members are
documents, so the commands need the settings of the host that is to know them.
"""

import argparse
import asyncio
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from localhost.app.settings import merge_local_settings
from localhost.identity.issuer import LOCAL_ISSUER
from localhost.identity.keystore import MAX_LIFETIME, KeyStore
from localhost.identity.minting import mint, service_subject
from localhost.identity.store import IdentityStore
from localhost.repository import REPOSITORY
from localhost.stores import document_store
from shared.adapters.system import SystemClock
from shared.domain.errors import FieldError, QuantumError, ValidationFailedError
from shared.domain.paging import Cursors
from shared.ports.telemetry import NO_TELEMETRY
from shared.security.permissions import PLATFORM_ROLES
from shared.security.principals import PrincipalKind
from shared.services.audit.chains import Chains
from shared.services.tenancy.members import Members
from shared.services.tenancy.quotas import Room
from shared.services.tenancy.tenants import Tenants
from shared.settings import Settings
from shared.settings_values import SettingsError

if TYPE_CHECKING:
    # What add_subparsers returns has no public name, and is generic to type checkers only.
    type Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001

DEFAULT_LIFETIME = 3600


def issue_token(
    settings: Settings,
    *,
    tenant: str,
    user: str,
    role: str,
    issuer_url: str = LOCAL_ISSUER,
    lifetime: int = DEFAULT_LIFETIME,
) -> str:
    """A bearer token of ``user`` as a member of ``tenant`` with ``role``, good for ``lifetime`` seconds.

    The host may be running with the same settings. Not to be called on an event loop.

    Raises:
        ValidationFailedError: a name, the role or the lifetime cannot be used.
        UnavailableError: the data folder, or where else documents are, cannot be written.
    """
    if not 0 < lifetime <= MAX_LIFETIME:
        limits = f"must be 1 to {MAX_LIFETIME} seconds"
        raise ValidationFailedError(errors=[FieldError("/lifetime", "INVALID", limits)])
    store = IdentityStore(settings.data)  # it makes the data folder, too
    asyncio.run(_ensure_member(settings, tenant=tenant, user=user, role=role, subject=user))
    store.add_user(user)
    return mint(KeyStore(settings.data), issuer=issuer_url, subject=user, now=time.time(), lifetime=lifetime)


def make_first_admin(settings: Settings, *, tenant: str, user: str) -> None:
    """Make ``user`` an administrator of ``tenant``, unless somebody signs in here already.

    Raises: as :func:`issue_token`.
    """
    store = IdentityStore(settings.data)
    if not store.users():
        asyncio.run(_ensure_member(settings, tenant=tenant, user=user, role="admin", subject=user))
        store.add_user(user)


def issue_client(settings: Settings, *, tenant: str, user: str, role: str) -> str:
    """The new secret of the service ``user`` (its client id too), a member of ``tenant`` with ``role``.

    Raises: as :func:`issue_token`.
    """
    subject = service_subject(user)
    store = IdentityStore(settings.data)
    asyncio.run(
        _ensure_member(settings, tenant=tenant, user=user, role=role, subject=subject, kind="service")
    )
    return store.put_client(user)


def settings_of_host(data: Path, environment: Mapping[str, str]) -> Settings:
    """What a host on the folder ``data`` would have, with this environment.

    Raises:
        SettingsError: a setting cannot be used.
        StartupError: ``local.settings.json`` cannot be read.
    """
    values = {**environment, "QUANTUM_DATA": str(data), "QUANTUM_HOST_URL": LOCAL_ISSUER}
    merge_local_settings(REPOSITORY, values)
    return Settings.from_mapping({**values, "QUANTUM_ADAPTERS": "localhost"})


def add_token_command(subparsers: "Subparsers") -> None:
    """Add ``token`` and ``client`` to the commands; each sets ``run``, which returns the exit status."""
    token = _command(subparsers, "token", "print a bearer token, making tenant and member if they are new")
    token.add_argument(
        "--lifetime", type=int, default=DEFAULT_LIFETIME, help="seconds (default: %(default)s)"
    )
    token.set_defaults(run=_run_token)
    client = _command(subparsers, "client", "print a new client secret for a service that signs in by itself")
    client.set_defaults(run=_run_client)


def _command(subparsers: "Subparsers", name: str, text: str) -> argparse.ArgumentParser:
    parser = subparsers.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument("--tenant", required=True, help="the tenant's id, a DNS label: acme")
    parser.add_argument("--user", required=True, help="the member's name in it: ada")
    parser.add_argument(
        "--role", required=True, choices=sorted(PLATFORM_ROLES), help="what the member may do"
    )
    parser.add_argument("--data", type=Path, default=Path(".quantum"), help="the data folder (%(default)s)")
    return parser


def _run_token(arguments: argparse.Namespace) -> int:
    return _reported(
        lambda: issue_token(
            settings_of_host(arguments.data, os.environ),
            tenant=arguments.tenant,
            user=arguments.user,
            role=arguments.role,
            lifetime=arguments.lifetime,
        )
    )


def _run_client(arguments: argparse.Namespace) -> int:
    return _reported(
        lambda: issue_client(
            settings_of_host(arguments.data, os.environ),
            tenant=arguments.tenant,
            user=arguments.user,
            role=arguments.role,
        )
    )


def _reported(work: Callable[[], str]) -> int:
    # Only the secret goes to standard output, so that $(…) takes it as it is.
    try:
        print(work())
    except QuantumError as error:
        print(f"error: {error.message}", file=sys.stderr)
        for one in error.errors:
            print(f"  {one.pointer[1:]}: {one.message}", file=sys.stderr)
        return 1
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (OSError, sqlite3.Error) as error:
        print(f"error: the data folder cannot be used: {error}", file=sys.stderr)
        return 1
    return 0


async def _ensure_member(
    settings: Settings, *, tenant: str, user: str, role: str, subject: str, kind: PrincipalKind = "user"
) -> None:
    clock = SystemClock()
    documents = document_store(settings, clock, NO_TELEMETRY)
    try:
        # Nobody lists members here, so no key is needed.
        members = Members(
            documents.port, chains=Chains(), cursors=Cursors(b""), clock=clock, room=Room(documents.port)
        )
        await Tenants(documents.port, clock).ensure(tenant)
        await members.ensure_member(
            tenant, user=user, roles=[role], issuer=LOCAL_ISSUER, subject=subject, kind=kind
        )
    finally:
        for close in documents.closers:
            await close()
