"""Contexts that are git references: ``https://host/repository.git#ref:folder``, fetched with care.

``git`` gets one commit and nothing of its history, by https alone, and from an address that the egress rule
has allowed and that it is pinned to; it follows no redirects, knows no credentials, and runs no hooks or
filters and fetches no submodules, whatever the repository says. What is in the commit is counted before any
of it is written.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from shared.modules.containers.building.benches import Bench
from shared.modules.containers.building.folders import Folder, folder_below
from shared.modules.containers.building.programs import Program
from shared.modules.containers.building.sources import Bounds, ContextError, inside
from shared.modules.containers.images.build_logs import BuildLog
from shared.ports.actions import ActionError
from shared.security.egress import EgressPolicy

if TYPE_CHECKING:
    from shared.modules.egress import Resolve

PROGRAM: Final = "git"
SCHEME: Final = "https://"
NEEDED: Final = (2, 37)
"""The first version that can be pinned to an address (``http.curloptResolve``); others ignore that."""
LOOK_SECONDS: Final = 0.25
"""How often it is looked how much has come."""
SHOWN_LINES: Final = 3
_REF: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]{0,254}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_VERSION: Final = re.compile(r"git version (\d+)\.(\d+)")
_ENTRY: Final = re.compile(r"(\d{6}) (\w+) \w+\s+(\d+|-)\t")
_SUBMODULE: Final = "160000"
_OPTIONS: Final = {
    "core.attributesFile": "/dev/null",
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "http.proxy": "",
    "protocol.allow": "never",
    "protocol.https.allow": "always",
    "submodule.recurse": "false",
    "transfer.fsckObjects": "true",
}
_ENVIRONMENT: Final = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_LITERAL_PATHSPECS": "1",
}


class GitError(ContextError):
    """``git`` has failed; the message has the end of what it said."""


@dataclass(frozen=True, slots=True)
class GitReference:
    url: str
    ref: str
    folder: str

    @classmethod
    def parse(cls, text: str) -> "GitReference":
        """The reference ``text`` is.

        Raises:
            ContextError: it is none.
        """
        url, _, rest = text.partition("#")
        ref, _, folder = rest.partition(":")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ContextError(f"{text[:200]!r} is no address of a repository: {error}") from error
        if parts.username or parts.password or not parts.hostname or parts.query or port == 0:
            raise ContextError(f"{url[:200]!r} is no address of a repository: https://host/path, and no more")
        ref = ref or "HEAD"
        if not _REF.fullmatch(ref) or ".." in ref:
            raise ContextError(f"{ref[:100]!r} is no branch, tag or commit")
        return cls(url, ref, inside(folder or "."))

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 443


@dataclass(frozen=True, slots=True)
class Fetched:
    source: Folder
    commit: str


class GitContexts:
    """Fetches them, as ``egress`` allows; ``authorities`` are whom TLS trusts, by default whom git trusts."""

    def __init__(
        self,
        egress: EgressPolicy,
        *,
        program: str = PROGRAM,
        authorities: Path | None = None,
        resolve: "Resolve | None" = None,
    ) -> None:
        self._egress = egress
        self._resolve = resolve
        self._program = program
        self._authorities = authorities

    async def fetched(self, text: str, bounds: Bounds, bench: Bench) -> Fetched:
        """The folder of the commit that ``text`` names.

        Raises:
            ContextError: there is none, or it is too large.
            ActionError: ``git`` is not here, or nobody may fetch there.
        """
        reference = GitReference.parse(text)
        git = _Git(self._program, bench, bounds)
        await git.check_version()
        addresses = await self._allowed(reference)
        pin = f"{reference.host}:{reference.port}:{','.join(addresses)}"
        trusted = [f"http.sslCAInfo={self._authorities}"] if self._authorities else []
        await git.run("init", "--quiet", "--bare", str(git.repository))
        await git.fetch(reference, [f"http.curloptResolve={pin}", *trusted])
        commit = (await git.run("rev-parse", "FETCH_HEAD^{commit}")).strip()
        if _COMMIT.fullmatch(reference.ref) and reference.ref != commit:
            raise ContextError(f"{reference.ref} was asked for, and {commit} was sent")
        bench.log.write(f"{reference.url}#{reference.ref} is {commit}")
        await git.count(reference.folder)
        files = ("--work-tree", str(git.files), "checkout", "--quiet", "--force", "FETCH_HEAD")
        await git.run(*files, "--", reference.folder)
        folder = await bench.run(lambda: folder_below(git.files, reference.folder))
        return Fetched(replace(folder, of_git=True), commit)

    async def _allowed(self, reference: GitReference) -> Sequence[str]:
        """The addresses of its host, all of which the egress rule has allowed."""
        import httpcore  # loaded with the client of everything else

        from shared.modules.egress import EgressRefusedError, allowed_addresses, system_resolver

        resolve = self._resolve or system_resolver
        try:
            found = await allowed_addresses(self._egress, reference.host, reference.port, resolve)
        except EgressRefusedError as error:
            raise ActionError("EGRESS_REFUSED", f"{reference.url}: {error}", retryable=False) from error
        except httpcore.ConnectError as error:
            raise ActionError("GIT_FAILED", f"{reference.url}: {error}", retryable=True) from error
        return [f"[{address}]" if ":" in address else address for address in found]


class _Git:
    """The program, with a repository of its own."""

    def __init__(self, program: str, bench: Bench, bounds: Bounds) -> None:
        self._bench = bench
        self._bounds = bounds
        self.repository, self.files = bench.folder / "repository", bench.new_folder("files")
        self._program = Program(program, bench.folder, _ENVIRONMENT)

    async def check_version(self) -> None:
        """Hold it against what we need.

        Raises:
            ActionError: it is too old, or not there.
        """
        said = BuildLog()
        await self._program.run(["--version"], said.write)
        found = _VERSION.search(said.text().decode())
        if found is None or (int(found[1]), int(found[2])) < NEEDED:
            wanted = ".".join(map(str, NEEDED))
            message = (
                f"{self._program.name} on this host must be {wanted} or newer to build from repositories"
            )
            raise ActionError("BUILDER_UNAVAILABLE", message, retryable=False)

    async def run(self, *arguments: str, options: Sequence[str] = ()) -> str:
        """What it says.

        Raises:
            GitError: it has failed, with the end of what it said.
        """
        said = BuildLog()
        code = await self._program.run([*self._options(options), *arguments], said.write)
        if code:
            raise GitError(f"git failed: {said.tail(SHOWN_LINES).strip() or code}")
        return said.text().decode()

    async def fetch(self, reference: GitReference, options: Sequence[str]) -> None:
        """Fetch the one commit, and no more bytes than a context may have."""
        command = ("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-auto-gc")
        work = asyncio.create_task(self.run(*command, "--", reference.url, reference.ref, options=options))
        try:
            while not (await asyncio.wait({work}, timeout=LOOK_SECONDS))[0]:
                self._bounds.check(0, await asyncio.to_thread(_size, self.repository))
            await work
        except GitError as error:
            message = f"{reference.url} cannot be fetched: {error}"
            raise ActionError("GIT_FAILED", message, retryable=True) from error
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def count(self, folder: str) -> None:
        """Hold what the commit has against what a context may have, before any of it is written."""
        files = size = 0

        def one(line: str) -> None:
            nonlocal files, size
            entry = _ENTRY.match(line)
            if entry is None:
                return
            if entry[1] == _SUBMODULE:
                self._bench.log.write(f"the submodule {line.partition(chr(9))[2]} is left out")
            files, size = files + 1, size + int(entry[3] if entry[3] != "-" else 0)
            self._bounds.check(files, size)

        listing = ("ls-tree", "-r", "-l", "FETCH_HEAD", "--", folder)
        await self._program.run([*self._options(()), *listing], one)

    def _options(self, more: Sequence[str]) -> list[str]:
        options = [*(f"{name}={value}" for name, value in _OPTIONS.items()), *more]
        given = [part for option in options for part in ("-c", option)]
        return [*given, "--git-dir", str(self.repository)]


def _size(folder: Path) -> int:
    """The bytes of what is below, as far as it stays while it is looked at."""
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.lstat().st_size
        except FileNotFoundError:
            continue
    return size
