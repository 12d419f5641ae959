from tests.hosts import api, host

__all__ = ["api", "host"]
