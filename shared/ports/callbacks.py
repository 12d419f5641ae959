"""The callbacks port: how an attempt has somebody outside say when it is done."""

from typing import Protocol

from shared.domain.callbacks import Callback, Opened
from shared.domain.places import Place
from shared.security.scope import TenantScope


class Callbacks(Protocol):
    """Every method raises UnavailableError when the store cannot be reached."""

    async def open(self, scope: TenantScope, place: Place, *, seconds: float) -> Opened:
        """Where the attempt can be called back, for so long from the first time it is asked.

        The address is the same each time, and a secret: who knows it may say what the attempt came to.
        """
        ...

    async def look(self, scope: TenantScope, place: Place) -> Callback:
        """How it stands now; when its time is over and nobody has called, it expires here.

        Raises:
            LookupError: it was never opened.
        """
        ...
