"""Platforms that an image runs on: ``linux/amd64``, ``linux/arm/v7`` (OCI image index, "platform")."""

import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_FORM: Final = re.compile(r"([a-z0-9]+)/([a-z0-9_]+)(?:/([a-z0-9]+))?")
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_VARIANTS: Final = {"arm": "v7", "arm64": "v8"}
"""What is meant where a variant is not said."""


@dataclass(frozen=True, slots=True)
class Platform:
    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> "Platform":
        """The platform ``text`` is.

        Raises:
            ValueError: it is none.
        """
        match = _FORM.fullmatch(_ARCHITECTURES.get(text, text).lower())
        if match is None:
            raise ValueError(f"{text!r} is no platform, such as linux/amd64 or linux/arm/v7")
        return cls(match[1], _ARCHITECTURES.get(match[2], match[2]), match[3] or "")

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    @property
    def names(self) -> dict[str, str]:
        """What a Dockerfile knows of it, for TARGET and BUILD."""
        said = {"PLATFORM": str(self), "OS": self.os, "ARCH": self.architecture, "VARIANT": self.variant}
        return {f"{side}{name}": value for side in ("TARGET", "BUILD") for name, value in said.items()}

    def chosen[T](self, offered: Sequence[tuple[Mapping[str, Any] | None, T]]) -> T | None:
        """The first of what is offered that runs there; None: nothing does."""
        return next((one for platform, one in offered if platform and self._is_met_by(platform)), None)

    def _is_met_by(self, platform: Mapping[str, Any]) -> bool:
        usual = _VARIANTS.get(self.architecture, "")
        return ((platform.get("os"), platform.get("architecture")) == (self.os, self.architecture)) and (
            platform.get("variant") or usual
        ) == (self.variant or usual)


def this_machine() -> Platform:
    """Linux on this machine's processor."""
    machine = platform.machine().lower()
    return Platform("linux", _ARCHITECTURES.get(machine, machine))
