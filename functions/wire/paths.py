"""Where intents and executions are, as answers say it."""

from functions.routes.route import PREFIX

_BASE = PREFIX + "v1"


def intent_path(id: str) -> str:
    return f"{_BASE}/intents/{id}"


def execution_path(id: str) -> str:
    return f"{_BASE}/executions/{id}"
