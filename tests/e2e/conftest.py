from tests.hosts import api, host, service, slow_service

__all__ = ["api", "host", "service", "slow_service"]
