"""What a parts list gives to the composition root: something for every port."""

from dataclasses import dataclass, field

from shared.ports.clock import Clock, Ids
from shared.ports.credentials import Credentials, NoCredentials
from shared.ports.documents import Documents
from shared.ports.events import Events
from shared.ports.orchestrations import Orchestrations
from shared.ports.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Adapters:
    """What serves the ports, and the key that seals cursors."""

    documents: Documents
    events: Events
    orchestrations: Orchestrations
    tokens: Tokens
    clock: Clock
    ids: Ids
    cursor_key: bytes
    credentials: Credentials = field(default_factory=NoCredentials)
