"""What one step hands to a later one without being told: the image that it built, say, to whoever deploys it.

An action offers things by their kind, each as one of its outputs, and takes things of a kind as parameters. A
step that leaves such a parameter out gets the output of the nearest step before it that offers the kind, as
the reference that its author might have written. So a definition may be as short as people say it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shared.domain.actions import ActionSpec


@dataclass(frozen=True, slots=True)
class Handover:
    """That ``step`` left ``parameter`` out and takes it from ``giver``; None: no step before offers it."""

    step: str
    parameter: str
    giver: str | None
    output: str | None

    @property
    def reference(self) -> str:
        """The parameter, as the step's author might have written it."""
        return f"${{{{ steps['{self.giver}'].outputs.{self.output} }}}}"


class Stage(Protocol):
    """What must be known of a step; every one of them stands in the definition's order."""

    @property
    def id(self) -> str: ...

    @property
    def spec(self) -> ActionSpec | None: ...

    @property
    def parameters(self) -> Mapping[str, Any]: ...

    @property
    def each(self) -> bool: ...


def handovers(stages: Sequence[Stage]) -> Iterator[Handover]:
    """Every parameter left out that an earlier step could give.

    A step that is done for each item of a list offers nothing: nobody could say which output is meant.
    """
    offered: dict[str, tuple[str, str]] = {}
    for stage in stages:
        spec = stage.spec
        if spec is None:
            continue
        for name, taking in spec.takes.items():
            if name not in stage.parameters and not taking.unless & stage.parameters.keys():
                yield Handover(stage.id, name, *offered.get(taking.kind, (None, None)))
        if not stage.each:
            offered.update({kind: (stage.id, output) for kind, output in spec.offers.items()})
