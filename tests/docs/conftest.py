from tests.hosts import api, host, service

__all__ = ["api", "host", "service"]
