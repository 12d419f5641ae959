"""What single steps look like on the wire."""

from typing import Any

from functions.wire.paths import execution_path
from shared.domain.attempts import StepDetail


def step(value: StepDetail) -> dict[str, Any]:
    path = execution_path(value.execution_id)
    item = "" if value.item is None else f"?item={value.item}"
    links = {"execution": path, "outputs": f"{path}/steps/{value.step}/outputs{item}"}
    return value.to_json() | {"links": links}
