"""What a host comes to load, whatever its settings are, loaded and warm: what ``tests/forked.py`` copies.

The app itself is not among it: each copy loads it, and reads its own settings then.
"""

import gc
from importlib import import_module

from functions.openapi.document import document_bytes
from shared.domain import parameters
from shared.security import authorization

for name in (
    "functions.register",
    "localhost.adapters",
    "localhost.cli",
    "localhost.durable.sidecar",
    "localhost.http.webhooks",
    "localhost.identity.routes",
    "localhost.identity.rsa",
    "localhost.registry.routes",
    "localhost.serve",
    "localhost.triggers.durable",
    "shared.bootstrap",
    "shared.domain.validation.stages",
    "shared.modules.egress",
):
    import_module(name)
parameters.warm_up()
authorization.warm_up()
document_bytes()
gc.collect()
gc.freeze()  # copies need not look at it, and share its memory
