"""Callbacks that stand as a test says."""

from datetime import timedelta

from shared.domain.callbacks import Callback, Opened
from shared.domain.places import Place
from shared.security.scope import TenantScope
from tests.fakes.clock import START

ADDRESS = "https://quantum.example/api/v1/callbacks/sealed"


class StandingCallbacks:
    """Every address is the same; ``callback`` is how it stands, once it was opened."""

    def __init__(self) -> None:
        self.callback: Callback | None = None

    async def open(self, scope: TenantScope, place: Place, *, seconds: float) -> Opened:
        until = START + timedelta(seconds=seconds)
        self.callback = self.callback or Callback("open", until)
        return Opened(ADDRESS, self.callback.until)

    async def look(self, scope: TenantScope, place: Place) -> Callback:
        if self.callback is None:
            raise LookupError(place)
        return self.callback
