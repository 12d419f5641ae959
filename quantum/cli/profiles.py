"""Profiles: which platform, as whom, for which tenant, by a name."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

DEFAULT = "default"
LOCAL = "http://127.0.0.1:7071"


@dataclass(frozen=True, slots=True)
class Profile:
    """One of them. ``authority`` is who signs in to the platform."""

    url: str = LOCAL
    tenant: str | None = None
    authority: str | None = None
    client_id: str = "quantum-cli"
    scope: str = "api://quantum/.default"


@dataclass(frozen=True, slots=True)
class Profiles:
    """All of a person's, and the one in use."""

    current: str = DEFAULT
    named: Mapping[str, Profile] = field(default_factory=dict)

    def get(self, name: str) -> Profile:
        return self.named.get(name, Profile())

    def put(self, name: str, profile: Profile, *, use: bool = False) -> "Profiles":
        return Profiles(name if use else self.current, {**self.named, name: profile})

    def without(self, name: str) -> "Profiles":
        rest = {known: profile for known, profile in self.named.items() if known != name}
        return replace(self, current=DEFAULT if self.current == name else self.current, named=rest)


def folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the command keeps what it is told: ``QUANTUM_CONFIG``, or the user's folder for that."""
    if said := environment.get("QUANTUM_CONFIG"):
        return Path(said)
    return Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "quantum"


def load(path: Path) -> Profiles:
    """The profiles in that folder.

    Raises:
        ValueError: the file is damaged.
    """
    file = path / "profiles.json"
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        named = {name: Profile(**profile) for name, profile in stored["profiles"].items()}
        return Profiles(stored["current"], named)
    except FileNotFoundError:
        return Profiles()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file} is damaged ({error!r}): mend it, or delete it and sign in again") from error


def save(path: Path, profiles: Profiles) -> None:
    """Put them in that folder, whole or not at all. There is no secret in them."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    named = {name: asdict(profile) for name, profile in profiles.named.items()}
    text = json.dumps({"current": profiles.current, "profiles": named}, indent=2)
    draft = path / "profiles.json.new"
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(path / "profiles.json")
