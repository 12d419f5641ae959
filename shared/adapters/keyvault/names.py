"""What a tenant's secret is called in the vault.

Key Vault takes 1 to 127 of 0-9, a-z, A-Z and '-' for a name, and does not tell upper from lower case ("Azure
Key Vault keys, secrets and certificates overview", object identifiers). Our names do, and have '_'. So a name
is ``quantum-<tenant>-<the name in base 32, in lower case>``: the last '-' parts the two; base 32 has none.
"""

import base64
from typing import Final

from shared.ports.secrets import STORED_NAME
from shared.security.scope import TENANT_ID

_OURS: Final = "quantum-"
"""Tells our secrets from those that somebody else keeps in the same vault."""


def vault_name(tenant_id: str, name: str) -> str:
    """What the tenant's secret ``name`` is called in the vault: 124 characters at most."""
    return f"{_OURS}{tenant_id}-{_encoded(name)}"


def of_vault(text: str) -> tuple[str, str] | None:
    """The tenant and the name of what is called so in the vault; None: it is not ours."""
    tenant_id, _, last = text.removeprefix(_OURS).rpartition("-")
    try:
        name = base64.b32decode(last.upper() + "=" * (-len(last) % 8)).decode("ascii")
    except ValueError:  # neither base 32 nor ASCII
        return None
    if not TENANT_ID.fullmatch(tenant_id) or not STORED_NAME.fullmatch(name):
        return None
    # Base 32 has several spellings of some texts: only our own is a name.
    return (tenant_id, name) if vault_name(tenant_id, name) == text else None


def _encoded(name: str) -> str:
    return base64.b32encode(name.encode("ascii")).decode().rstrip("=").lower()
