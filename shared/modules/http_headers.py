"""Which headers steps may send."""

import re
from typing import Final

OWN_HEADERS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade"})
"""What the request itself decides."""
HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
