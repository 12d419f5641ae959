"""Who you are: login, logout, whoami, and the tenant in use."""

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from quantum.cli import profiles, session
from quantum.cli.commands.tenants import whoever
from quantum.cli.exits import Exit
from quantum.cli.output import Format, Output, detail, field, joined
from quantum.cli.session import fail, of, run, tell

if TYPE_CHECKING:  # loaded when it is needed
    from quantum.client.sign_in import SignedIn


def login(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Argument(help="The platform's address; that of the profile if left out.")
    ] = None,
    *,
    name: Annotated[
        str | None, typer.Option("--as", metavar="PROFILE", help="The profile to keep it as.")
    ] = None,
    authority: Annotated[
        str | None,
        typer.Option(
            help="Who signs in there: https://login.microsoftonline.com/<tenant>, or another issuer."
        ),
    ] = None,
    client_id: Annotated[str | None, typer.Option(help="This command's registration there.")] = None,
    scope: Annotated[str | None, typer.Option(help="The platform's scope there.")] = None,
    device: Annotated[
        bool | None,
        typer.Option("--device/--browser", help="By a code for any browser, or this machine's browser."),
    ] = None,
) -> None:
    """Sign in to a platform, and use it from then on."""
    began = of(context)
    kept = name or began.name
    known = profiles.load(profiles.folder())
    before = known.get(kept)
    address = (url or began.profile.url).rstrip("/")
    said = {"url": address, "authority": authority, "client_id": client_id, "scope": scope}
    if before.url != address:
        before = replace(before, authority=None, tenant=None)
    profile = replace(before, **{key: value for key, value in said.items() if value})
    if profile.authority is None and urlsplit(address).scheme == "https":
        fail(
            "say who signs in there, with --authority: https://login.microsoftonline.com/<tenant>", Exit.USAGE
        )
    there = session.Session(kept, profile, os.environ)
    there.client()  # an address that no token may be sent to is refused before anybody signs in
    _sign_in(there, device=_no_browser() if device is None else device)
    profiles.save(profiles.folder(), known.put(kept, profile, use=True))
    context.obj = there
    if os.environ.get("QUANTUM_TOKEN"):
        tell("QUANTUM_TOKEN is set, and goes before who is signed in")
    me = run(context, whoever)
    if me["tenant_id"] is None and me["tenants"]:
        print("You are a member of several tenants: quantum tenant use", me["tenants"][0]["id"])
    print(f"Signed in to {address} as {me['principal'] or me['subject']}")


def logout(context: typer.Context) -> None:
    """Forget who is signed in to this platform, with all tokens."""
    from quantum.client.errors import QuantumError
    from quantum.client.sign_in import SignedIn

    try:
        count = SignedIn(of(context).issuer()).sign_out()
    except QuantumError as error:
        session.refuse(error)
    print("Signed out" if count else "Nobody was signed in")


def whoami(context: typer.Context, output: Output = Format.TABLE) -> None:
    """Who you are to the platform, in which tenants, and what you may do."""
    url = of(context).profile.url
    columns = {"PRINCIPAL": lambda me: me["principal"] or me["subject"], "TENANT": field("tenant_id")}
    columns |= {"ROLES": joined("roles"), "TENANTS": lambda me: " ".join(t["id"] for t in me["tenants"])}
    columns |= {"PLATFORM": lambda _: url, "MAY": joined("operations")}
    detail(run(context, whoever), output, columns)


def _sign_in(there: session.Session, *, device: bool) -> None:
    from quantum.client.errors import QuantumError, SignInError
    from quantum.client.sign_in import Browser, DeviceCode

    def code(url: str, code: str) -> None:
        print(f"Open {url}\nand type the code {code}", file=sys.stderr, flush=True)

    def address(url: str) -> None:
        print(f"Open {url}", file=sys.stderr, flush=True)

    issuer = there.issuer()
    asking: SignedIn = DeviceCode(issuer, show=code) if device else Browser(issuer, show=address)
    if not device:
        print("Go on in the browser that opens; where none does: quantum login --device", file=sys.stderr)
    try:
        with session.spinner("waiting until you have signed in; Ctrl-C gives up"):
            asking.sign_in()
    except SignInError as error:
        fail(str(error), Exit.AUTHENTICATION)
    except QuantumError as error:
        session.refuse(error)
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None


def _no_browser() -> bool:
    """Whether there is no screen that a browser could be on."""
    if sys.platform in {"win32", "darwin"}:
        return "SSH_CONNECTION" in os.environ
    return not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("BROWSER"))
