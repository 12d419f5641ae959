"""One run of the command: who asks which platform, and what becomes of an error."""

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import typer

from quantum.cli import profiles, terminal
from quantum.cli.exits import Exit
from quantum.cli.profiles import Profile

if TYPE_CHECKING:  # what talks to the platform is loaded when it is talked to
    from quantum.client import Client
    from quantum.client.errors import QuantumError
    from quantum.client.retries import Retries
    from quantum.client.sign_in import Issuer
    from quantum.client.tokens import TokenProvider

MOMENT = 0.3
"""Seconds after which people are shown that something goes on."""
NOTICED = 3.0
"""Seconds of a pause from which on people are told why."""
HINTS = {
    "CERTIFICATE_VERIFY_FAILED": "nobody who is trusted here has signed its certificate: SSL_CERT_FILE names "
    "the file of an authority of your own",
    "WRONG_VERSION_NUMBER": "what answers there speaks no TLS: is it http:// rather than https://?",
    "Name or service not known": "is the address right? quantum profile list",
    "nodename nor servname": "is the address right? quantum profile list",
    "//127.0.0.1:": "serve one on this machine with: quantum up (in a clone of the platform: make up)",
    "//localhost:": "serve one on this machine with: quantum up (in a clone of the platform: make up)",
}
"""What to do, by what is in the message of an error."""
SECRET = "QUANTUM_CLIENT_SECRET"  # noqa: S105  # the name of it


@dataclass(frozen=True, slots=True)
class Session:
    """What the options before the command and the environment have said."""

    name: str
    profile: Profile
    environment: Mapping[str, str]

    @classmethod
    def begin(cls, *, profile: str | None, url: str | None, tenant: str | None) -> "Session":
        """The profile that is meant, with what was said otherwise for this once."""
        try:
            known = profiles.load(profiles.folder())
        except ValueError as error:
            fail(str(error), Exit.USAGE)
        name = profile or known.current
        if profile and profile not in known.named and profile != profiles.DEFAULT:
            fail(f"there is no profile {profile!r}: quantum profile list", Exit.USAGE)
        found = known.get(name)
        if url:
            found = Profile(url, None, None, found.client_id, found.scope) if url != found.url else found
        said = {key: os.environ.get(f"QUANTUM_{key.upper()}") for key in ("authority", "client_id", "scope")}
        found = replace(found, **{key: value for key, value in said.items() if value})
        return cls(name, replace(found, tenant=tenant or found.tenant), os.environ)

    def client(self, *, retries: "Retries | None" = None) -> "Client":
        from quantum.client import Client

        try:
            return Client(self.profile.url, token=self._token(), tenant=self.profile.tenant, retries=retries)
        except ValueError as error:
            fail(str(error), Exit.USAGE)

    def patience(self) -> "Retries":
        """How long somebody waits for an answer: on this machine, what does not answer is not there."""
        from quantum.client.addresses import is_loopback
        from quantum.client.retries import Retries

        here = is_loopback(urlsplit(self.profile.url).hostname or "")
        return Retries(attempts=3, first=0.25) if here else Retries()

    def issuer(self) -> "Issuer":
        """Who signs in here; a platform on this machine does so itself."""
        from quantum.client.sign_in import Issuer

        authority = self.profile.authority or f"{self.profile.url.rstrip('/')}/identity"
        return Issuer(authority, self.profile.client_id, self.profile.scope)

    def _token(self) -> "TokenProvider":
        if self.environment.get("QUANTUM_TOKEN"):
            from quantum.client.tokens import EnvironmentToken

            return EnvironmentToken()
        from quantum.client.sign_in import ClientCredentials, SignedIn

        if secret := self.environment.get(SECRET):
            return ClientCredentials(self.issuer(), secret)
        return SignedIn(self.issuer())


def of(context: typer.Context) -> Session:
    """The session of a command."""
    session = context.obj
    assert isinstance(session, Session)
    return session


def run[Result](
    context: typer.Context, work: "Callable[[Client], Awaitable[Result]]", *, quiet: bool = False
) -> Result:
    """What ``work`` comes to with a client; with a spinner while a person waits, unless it shows more itself.

    Errors become a message and an exit status.
    """
    from quantum.client.errors import QuantumError

    async def whole() -> Result:
        async with of(context).client(retries=of(context).patience()) as client:
            return await work(client)

    try:
        with patient(), nullcontext() if quiet else spinner("asking the platform"):
            return asyncio.run(whole())
    except QuantumError as error:
        refuse(error)
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None


@contextmanager
def patient() -> Iterator[None]:
    """Say why, where the platform is asked again after a while."""
    log, handler = logging.getLogger("quantum.client.transport"), _Patience(logging.INFO)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)


class _Patience(logging.Handler):
    """Tells of waits that somebody notices: a record has the attempt, the failure and the seconds."""

    def emit(self, record: logging.LogRecord) -> None:
        match record.args:
            case (_, failure, float(seconds)) if seconds >= NOTICED:
                tell(f"{str(failure).splitlines()[0]}; asking again in {seconds:.0f} s")


def each(
    context: typer.Context, names: Sequence[str], work: "Callable[[Client, str], Awaitable[str]]"
) -> None:
    """Do the same to each, one after the other, and say what came of it; one that fails stops no other."""
    from quantum.client.errors import QuantumError, SignInError, UnauthenticatedError

    async def all_of(client: "Client") -> Exit:
        worst = Exit.OK
        with spinner("asking the platform", len(names) if len(names) > 1 else None) as done:
            for count, name in enumerate(names, 1):
                try:
                    print(await work(client, name), flush=True)
                except (SignInError, UnauthenticatedError):
                    raise  # so it would be with each
                except QuantumError as error:
                    tell(f"{name}: {error}")
                    worst = worst or status_of(error)
                done(count)
        return worst

    if worst := run(context, all_of, quiet=True):
        raise typer.Exit(worst)


def refuse(error: "QuantumError") -> NoReturn:
    """Say what went wrong and what to do, and end."""
    from quantum.client.errors import ApiError, SignInError, UnreachableError

    message = str(error)
    if isinstance(error, SignInError):
        message += "\n  sign in with: quantum login"
    elif isinstance(error, ApiError) and error.status == 401 and os.environ.get("QUANTUM_TOKEN"):
        message += "\n  QUANTUM_TOKEN is set, and goes before quantum login: renew it, or unset it"
    elif isinstance(error, ApiError) and error.status == 401:
        message += "\n  sign in again with: quantum login"
    elif "X-Tenant-ID" in message:
        message += "\n  say which is meant with: quantum tenant use NAME, or --tenant NAME before the command"
    elif isinstance(error, ApiError) and error.status >= 500:
        message += f"\n  when you ask for help, quote the request {error.request_id}"
    elif isinstance(error, UnreachableError):
        message += next((f"\n  {hint}" for part, hint in HINTS.items() if part in message), "")
    fail(message, status_of(error))


def status_of(error: "QuantumError") -> Exit:
    from quantum.client.errors import ApiError, SignInError

    if isinstance(error, SignInError):
        return Exit.AUTHENTICATION
    if not isinstance(error, ApiError):
        return Exit.FAILED
    by_status = {401: Exit.AUTHENTICATION, 403: Exit.AUTHENTICATION, 404: Exit.NOT_FOUND}
    by_status |= {409: Exit.CONFLICT, 412: Exit.CONFLICT}
    usage = error.status in {400, 413, 415, 422, 428}
    return by_status.get(error.status, Exit.USAGE if usage else Exit.FAILED)


def fail(message: str, status: Exit = Exit.FAILED) -> NoReturn:
    """End with a message on standard error."""
    tell(message)
    raise typer.Exit(status)


def tell(message: str) -> None:
    print(f"quantum: {message}", file=sys.stderr, flush=True)


@contextmanager
def spinner(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """That something goes on, for who looks at a terminal and has waited a moment.

    What is yielded takes how much is done; with a ``total``, a bar shows it.
    """
    if not terminal.moves(sys.stderr):
        yield lambda _: None
        return
    done = 0
    drawn: Callable[[int], None] | None = None

    def tell(count: int) -> None:
        nonlocal done
        done = count
        if drawn is not None:
            drawn(count)

    with ExitStack() as shown:

        def begin() -> None:
            nonlocal drawn
            from quantum.cli.waiting import waiting  # a twentieth of a second, only for who waits

            drawn = shown.enter_context(waiting(what, total))
            drawn(done)

        moment = threading.Timer(MOMENT, begin)
        moment.start()
        try:
            yield tell
        finally:
            moment.cancel()
            moment.join()
