"""How the local issuer signs, for those who must not load the cryptography to know it."""

from typing import Final

ALGORITHM: Final = "RS256"
