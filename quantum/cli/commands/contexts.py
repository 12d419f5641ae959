"""Build contexts: the files that images are built from."""

import io
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantum.cli.exits import Exit
from quantum.cli.output import Format, Output, detail, field, moment
from quantum.cli.session import fail, run, spinner

if TYPE_CHECKING:  # loaded when it is needed
    from quantum.client import Client
    from quantum.contract.contexts import BuildContext

app = typer.Typer(no_args_is_help=True, help="The files that images are built from.")
COLUMNS = {"REFERENCE": field("reference"), "SIZE": lambda one: size(one["size"])}
COLUMNS |= {"KEPT UNTIL": moment("expires_at"), "BY": field("created_by")}
LEFT_OUT = frozenset({".git", ".hg", ".svn"})
"""Folders with the history of others, which no image is built from."""


@app.command(epilog="Example: quantum contexts upload ./app")
def upload(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="A folder, or a tar or tar.gz; `-` is one on standard input.")],
    output: Output = Format.TABLE,
) -> None:
    """Upload the files of an image; a step has the reference that is printed as its `context`."""
    try:
        archive = _archive(path)
    except (OSError, tarfile.TarError) as error:
        fail(f"{path} cannot be read: {error}", Exit.USAGE)

    async def send(client: "Client") -> "BuildContext":
        kilobytes = max(len(archive) // 1024, 1)
        with spinner(f"uploading {size(len(archive))}", kilobytes) as done:
            return await client.contexts.upload(archive, progress=lambda sent: done(sent // 1024))

    detail(run(context, send, quiet=True).model_dump(mode="json"), output, COLUMNS)


def _archive(path: Path) -> bytes:
    if str(path) == "-":
        return sys.stdin.buffer.read()
    if not path.is_dir():
        return path.read_bytes()
    packed = io.BytesIO()
    with spinner(f"packing {path}"), tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(path, arcname=".", filter=_kept)
    return packed.getvalue()


def _kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Without what differs by who packs it, so that the same files are the same upload."""
    if Path(member.name).name in LEFT_OUT:
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def size(count: float) -> str:
    """Bytes, as people say it."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
