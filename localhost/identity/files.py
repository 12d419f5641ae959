"""The issuer's files in the data folder: secret ones are the owner's alone, and none is ever half written."""

import contextlib
import os
import secrets
from pathlib import Path


def identity_folder(data: Path) -> Path:
    """``<data>/identity``, made if absent, closed to other users of the machine."""
    folder = data.resolve() / "identity"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def create(path: Path, text: str, *, mode: int = 0o600) -> str:
    """Write a file that is not there yet; what it holds afterwards, by whoever came first."""
    temporary = _written(path, text, mode)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)  # unlike a rename, a link never takes another's place
    finally:
        temporary.unlink()
    return path.read_text()


def replace(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Put ``text`` in the file's place: a reader sees all of the old or all of the new."""
    _written(path, text, mode).replace(path)


def _written(path: Path, text: str, mode: int) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    return temporary
