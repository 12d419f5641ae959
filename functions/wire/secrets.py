"""What secrets look like on the wire."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from shared.domain.secrets import Secret, SecretUse


def secret(value: Secret) -> dict[str, Any]:
    shown = asdict(value)
    del shown["etag"]
    return shown


def secret_detail(value: Secret, use: SecretUse | None, users: Sequence[str]) -> dict[str, Any]:
    return {**secret(value), "last_used": asdict(use) if use else None, "used_by": users}
