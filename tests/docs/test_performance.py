"""The page on performance has a table as the benchmarks make it, of every bar that there is."""

import json
import re

from benchmarks.bars import BARS
from benchmarks.table import table
from tests.docs.pages import text_of

LINE = {"workload": "W1", "what": "ten steps, ms", "median": 31.25, "p99": 140.4}
MACHINE = {"cpu": "Some CPU", "cores": 2, "python": "3.13.0"}


def test_a_line_is_told_with_its_bar_and_the_best_of_the_others() -> None:
    missed = LINE | {"machine": MACHINE, "bar": BARS["W1"].beside(31.25)}
    searches = [
        {"workload": "S1", "what": what, "median": median, "p99": 9.0, "machine": MACHINE}
        for what, median in (("quick", 1.0), ("slow", 2.0))
    ]
    lost = {"workload": "W5", "what": "kill -9", "lost": 0, "machine": MACHINE, "bar": BARS["W5"].beside(0)}
    made = list(table(json.loads(json.dumps([missed, *searches, lost])), date="2026-11-30"))
    assert made[0] == "2026-11-30, 2 cores of Some CPU, Python 3.13.0:"
    assert made[4:] == [
        "| W1 | ten steps, ms | 31.2 | 140 | 30 (missed) | 36 (DBOS) |",
        "| S1 | the slowest of 2 searches: slow | 2 | 9 |  |  |",
        "| W5 | kill -9 | lost 0 |  | 0 |  |",
    ]


def test_the_page_has_the_table_with_every_bar_and_says_of_which_machine_and_day() -> None:
    page = text_of("performance.md")
    assert re.search(r"^\d{4}-\d\d-\d\d, \d+ cores of .+, Python 3\.\d+\.\d+:$", page, re.MULTILINE)
    _, header, *_ = table([], date="")
    assert header in page
    told = set(re.findall(r"^\| ([A-Z]\d?[\w-]*) \| ", page, re.MULTILINE))
    workloads = {name if name in told else name.removesuffix("-1000") for name in BARS}
    assert workloads <= told
