"""The corpora of what leads inside, as tests read them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, cast

type Verdict = Literal["refused", "invalid", "name", "public"]

_FOLDER: Final = Path(__file__).parent


class Sample(NamedTuple):
    """A URL, what is to become of it, and why."""

    verdict: Verdict
    url: str
    why: str


def _lines(name: str) -> list[str]:
    text = (_FOLDER / name).read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _sample(line: str) -> Sample:
    verdict, url, why = line.split("\t")
    return Sample(cast("Verdict", verdict), json.loads(url), why)


SAMPLES: Final[Sequence[Sample]] = [_sample(line) for line in _lines("ssrf.corpus.tsv")]


def samples(*verdicts: Verdict) -> Sequence[Sample]:
    """Those of such verdicts."""
    return [sample for sample in SAMPLES if sample.verdict in verdicts]


def records(name: str) -> Sequence[dict[str, Any]]:
    """The objects of a file that has one on each line."""
    return [json.loads(line) for line in _lines(name)]
