"""What the local registry has: repositories with their blobs, manifests and tags.

Writes are done one after the other, on the writer's thread, and so are the changes of blobs' files that
belong to them. So a blob that is being put there and one that is being forgotten never meet.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import batched
from pathlib import Path
from sqlite3 import Connection
from typing import Final

from localhost.registry.errors import RegistryError
from localhost.registry.files import Files
from localhost.sqlite.readers import Readers
from localhost.sqlite.writer import Writer
from shared.security.scope import TenantScope

SCHEMA: Final = Path(__file__).with_name("registry.sql")
UNLINKED: Final = """
DELETE FROM blobs WHERE NOT EXISTS (SELECT 1 FROM links WHERE links.digest = blobs.digest) RETURNING digest
"""
"""Forgets the blobs that no repository has."""
FILES_AT_ONCE: Final = 1000
"""Files that are removed before the writer does something else."""
FRESH: Final = 60.0
"""A blob that is asked for is remembered as wanted, at most so often, in seconds."""


@dataclass(frozen=True, slots=True)
class StoredManifest:
    digest: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class NewManifest:
    """``blobs`` and ``manifests`` are what it names and the repository must have."""

    digest: str
    media_type: str
    content: bytes
    subject: str | None
    blobs: frozenset[str]
    manifests: frozenset[str]


class Store:
    """One registry, in a folder that no other process writes to."""

    def __init__(self, folder: Path, *, now: Callable[[], float] = time.time) -> None:
        """Open the folder, made if absent.

        Raises:
            UnavailableError: it cannot be used.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.files = Files(folder)
        self.now = now
        path = folder / "registry.db"
        self.writer = Writer(path, SCHEMA.read_text("utf-8"))
        self._readers = Readers(path)

    def close(self) -> None:
        self.writer.close()
        self._readers.close()

    # Blobs

    async def blob(self, repository: str, digest: str) -> int:
        """The size of a blob of the repository, which is wanted, and so kept for a while at least.

        Raises:
            RegistryError: it has none such.
        """
        rows = self._readers.rows(
            "SELECT size, touched FROM links JOIN blobs USING (digest) WHERE repository = ? AND digest = ?",
            (repository, digest),
        )
        if not rows:
            raise RegistryError("BLOB_UNKNOWN", f"{repository} has no blob {digest}")
        size, touched = rows[0]
        if self.now() - touched > FRESH:
            await self.writer.run(lambda connection: self._touch(connection, repository, digest))
        return int(size)

    async def mount(self, repository: str, digest: str, source: str) -> bool:
        """Have ``repository`` have a blob that ``source`` has; False: it has it not."""

        def work(connection: Connection) -> bool:
            if not _linked(connection, source, digest):
                return False
            self._link(connection, repository, digest)
            return True

        return await self.writer.run(work)

    async def forget_blob(self, repository: str, digest: str) -> None:
        """Take a blob from a repository.

        Raises:
            RegistryError: it has none such, or a manifest names it.
        """

        def work(connection: Connection) -> None:
            if not _linked(connection, repository, digest):
                raise RegistryError("BLOB_UNKNOWN", f"{repository} has no blob {digest}")
            if is_named(connection, repository, digest):
                raise RegistryError(
                    "UNSUPPORTED", f"a manifest of {repository} names {digest}: delete it first"
                )
            connection.execute("DELETE FROM links WHERE repository = ? AND digest = ?", (repository, digest))

        await self.writer.run(work)

    def _link(self, connection: Connection, repository: str, digest: str) -> None:
        connection.execute(
            "INSERT INTO links VALUES (?, ?, ?)"
            " ON CONFLICT (repository, digest) DO UPDATE SET touched = excluded.touched",
            (repository, digest, self.now()),
        )

    def _touch(self, connection: Connection, repository: str, digest: str) -> None:
        connection.execute(
            "UPDATE links SET touched = ? WHERE repository = ? AND digest = ?",
            (self.now(), repository, digest),
        )

    async def forget(self, scope: TenantScope) -> None:
        """Leave nothing of the tenant's: see :meth:`shared.ports.remains.Remains.forget`."""
        blobs, uploads = await self.writer.run(partial(_forget, f"{scope.tenant_id}/"))
        await self.remove(blobs, uploads)
        await self.writer.compact()

    async def remove(self, blobs: Sequence[str], uploads: Sequence[str]) -> None:
        """Remove the files of blobs and uploads, of those that have no row now."""
        for some in batched(blobs, FILES_AT_ONCE, strict=False):
            await self.writer.run(partial(self._remove_blobs, some))
        for some in batched(uploads, FILES_AT_ONCE, strict=False):
            await self.writer.run(partial(self._remove_uploads, some))

    def _remove_blobs(self, digests: Sequence[str], connection: Connection) -> None:
        for digest in digests:
            if connection.execute("SELECT 1 FROM blobs WHERE digest = ?", (digest,)).fetchone() is None:
                self.files.remove(digest)

    def _remove_uploads(self, uploads: Sequence[str], connection: Connection) -> None:
        for upload in uploads:
            if connection.execute("SELECT 1 FROM uploads WHERE id = ?", (upload,)).fetchone() is None:
                self.files.discard(upload)

    # Uploads

    async def begin_upload(self, repository: str) -> str:
        """A new upload's id."""
        upload = str(uuid.uuid4())

        def work(connection: Connection) -> None:
            self.files.begin(upload)
            connection.execute("INSERT INTO uploads VALUES (?, ?, ?)", (upload, repository, self.now()))

        await self.writer.run(work)
        return upload

    def require_upload(self, repository: str, upload: str) -> None:
        """Go on if there is such an upload.

        Raises:
            RegistryError: there is none.
        """
        if not self._readers.rows(
            "SELECT 1 FROM uploads WHERE id = ? AND repository = ?", (upload, repository)
        ):
            raise RegistryError("BLOB_UPLOAD_UNKNOWN", f"{repository} has no upload {upload[:64]}")

    async def touch_upload(self, upload: str) -> None:
        await self.writer.run(
            lambda connection: connection.execute(
                "UPDATE uploads SET touched = ? WHERE id = ?", (self.now(), upload)
            )
        )

    async def finish_upload(self, repository: str, upload: str, digest: str, size: int) -> None:
        """Make a blob of the repository of an upload, whose file is on disk and has that digest."""

        def work(connection: Connection) -> None:
            if connection.execute("DELETE FROM uploads WHERE id = ?", (upload,)).rowcount != 1:
                raise RegistryError("BLOB_UPLOAD_UNKNOWN", f"the upload {upload} has ended already")
            self.files.keep(upload, digest)
            connection.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", (digest, size))
            self._link(connection, repository, digest)

        await self.writer.run(work)

    async def cancel_upload(self, upload: str) -> None:
        def work(connection: Connection) -> None:
            connection.execute("DELETE FROM uploads WHERE id = ?", (upload,))
            self.files.discard(upload)

        await self.writer.run(work)

    # Manifests and tags

    def manifest(self, repository: str, reference: str) -> StoredManifest:
        """The manifest that a tag or digest stands for.

        Raises:
            RegistryError: there is none.
        """
        where = (
            "digest = ?"
            if ":" in reference
            else "digest = (SELECT digest FROM tags WHERE repository = manifests.repository AND tag = ?)"
        )
        rows = self._readers.rows(
            f"SELECT digest, media_type, content FROM manifests WHERE repository = ? AND {where}",  # noqa: S608
            (repository, reference),
        )
        if not rows:
            raise RegistryError("MANIFEST_UNKNOWN", f"{repository} has no manifest {reference}")
        return StoredManifest(*rows[0])

    async def put_manifest(self, repository: str, new: NewManifest, tags: Iterable[str]) -> None:
        """Store a manifest, and have ``tags`` stand for it.

        Raises:
            RegistryError: the repository has not all that it names.
        """

        def work(connection: Connection) -> None:
            missing = [one for one in sorted(new.blobs) if not _linked(connection, repository, one)]
            missing += [
                one for one in sorted(new.manifests) if not _has_manifest(connection, repository, one)
            ]
            if missing:
                message = f"{repository} has not all that this names: {', '.join(missing[:10])}"
                raise RegistryError("MANIFEST_BLOB_UNKNOWN", message)
            row = (repository, new.digest, new.media_type, new.content, new.subject)
            connection.execute("INSERT OR REPLACE INTO manifests VALUES (?, ?, ?, ?, ?)", row)
            connection.executemany(
                "INSERT OR IGNORE INTO parts VALUES (?, ?, ?)",
                [(repository, new.digest, part) for part in new.blobs | new.manifests],
            )
            connection.executemany(
                "INSERT OR REPLACE INTO tags VALUES (?, ?, ?)",
                [(repository, tag, new.digest) for tag in tags],
            )

        await self.writer.run(work)

    async def delete_tag(self, repository: str, tag: str) -> None:
        """Have a tag stand for nothing.

        Raises:
            RegistryError: it does already.
        """

        def work(connection: Connection) -> None:
            sql = "DELETE FROM tags WHERE repository = ? AND tag = ?"
            if connection.execute(sql, (repository, tag)).rowcount == 0:
                raise RegistryError("MANIFEST_UNKNOWN", f"{repository} has no tag {tag}")

        await self.writer.run(work)

    async def delete_manifest(self, repository: str, digest: str) -> None:
        """Remove a manifest and all tags that stand for it.

        Raises:
            RegistryError: there is none such, or an index names it.
        """

        def work(connection: Connection) -> None:
            if not _has_manifest(connection, repository, digest):
                raise RegistryError("MANIFEST_UNKNOWN", f"{repository} has no manifest {digest}")
            if is_named(connection, repository, digest):
                raise RegistryError(
                    "UNSUPPORTED", f"an index of {repository} names {digest}: delete it first"
                )
            delete_manifest(connection, repository, digest)

        await self.writer.run(work)

    def tags(self, repository: str, *, after: str, limit: int) -> Sequence[str]:
        """The tags of a repository behind ``after``, in the order of their characters.

        Raises:
            RegistryError: there is no such repository.
        """
        found = self.some_tags(repository, after=after, limit=limit)
        if not found and not self._readers.rows(
            "SELECT 1 FROM manifests WHERE repository = ?"
            " UNION ALL SELECT 1 FROM links WHERE repository = ? LIMIT 1",
            (repository, repository),
        ):
            raise RegistryError("NAME_UNKNOWN", f"there is no repository {repository}")
        return found

    def some_tags(self, repository: str, *, after: str, limit: int) -> Sequence[str]:
        """As :meth:`tags`; none of a repository that there is not."""
        rows = self._readers.rows(
            "SELECT tag FROM tags WHERE repository = ? AND tag > ? ORDER BY tag LIMIT ?",
            (repository, after, limit),
        )
        return [row[0] for row in rows]

    def repositories(self, folder: str) -> Sequence[str]:
        """The repositories in a folder (``acme/``) that have tags, in the order of their names."""
        rows = self._readers.rows(
            "SELECT DISTINCT repository FROM tags WHERE repository >= ? AND repository < ? ORDER BY 1",
            (folder, f"{folder[:-1]}0"),  # "0" is behind "/"
        )
        return [row[0] for row in rows]

    def referrers(self, repository: str, digest: str) -> Sequence[StoredManifest]:
        """The manifests whose subject that is."""
        rows = self._readers.rows(
            "SELECT digest, media_type, content FROM manifests"
            " WHERE repository = ? AND subject = ? ORDER BY digest",
            (repository, digest),
        )
        return [StoredManifest(*row) for row in rows]


def _linked(connection: Connection, repository: str, digest: str) -> bool:
    sql = "SELECT 1 FROM links WHERE repository = ? AND digest = ?"
    return connection.execute(sql, (repository, digest)).fetchone() is not None


def _has_manifest(connection: Connection, repository: str, digest: str) -> bool:
    sql = "SELECT 1 FROM manifests WHERE repository = ? AND digest = ?"
    return connection.execute(sql, (repository, digest)).fetchone() is not None


def delete_manifest(connection: Connection, repository: str, digest: str) -> None:
    """Remove a manifest, and all tags that stand for it."""
    for sql in (
        "DELETE FROM tags WHERE repository = ? AND digest = ?",
        "DELETE FROM parts WHERE repository = ? AND manifest = ?",
        "DELETE FROM manifests WHERE repository = ? AND digest = ?",
    ):
        connection.execute(sql, (repository, digest))


def is_named(connection: Connection, repository: str, digest: str) -> bool:
    sql = "SELECT 1 FROM parts WHERE repository = ? AND digest = ?"
    return connection.execute(sql, (repository, digest)).fetchone() is not None


def _forget(prefix: str, connection: Connection) -> tuple[list[str], list[str]]:
    """Delete the rows of the repositories under ``prefix``; the blobs and uploads that went with them."""
    # "0" is behind "/": between them are these repositories and no others.
    within = (prefix, f"{prefix[:-1]}0")
    for table in ("tags", "parts", "manifests", "links"):
        sql = f"DELETE FROM {table} WHERE repository >= ? AND repository < ?"  # noqa: S608 - of these four
        connection.execute(sql, within)
    ended = "DELETE FROM uploads WHERE repository >= ? AND repository < ? RETURNING id"
    uploads = [row["id"] for row in connection.execute(ended, within).fetchall()]
    return [row["digest"] for row in connection.execute(UNLINKED).fetchall()], uploads
