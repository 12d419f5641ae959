"""The book and its lines, through random arrivals and ends of one line beside another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.children import Lineage
from shared.domain.definitions import Concurrency
from shared.domain.limits import SHARED, Book, Claim, Counter, Line, claim_of
from shared.domain.places import Place

LIMITED = Concurrency(limit=2)
PARENT = Place("01KDYAK348C77TYFVK5E34CXQS", "a", 1)


@pytest.mark.parametrize(
    ("concurrency", "above", "tenant_limited", "claim"),
    [
        (None, None, False, None),
        (None, None, True, Claim()),
        (LIMITED, None, False, Claim("deploy", 2, 3)),
        (Concurrency(limit=2, policy="refuse"), None, True, Claim("deploy", 2, 3, refuse=True)),
        (None, ["root-v1"], True, None),
        (LIMITED, ["root-v1"], True, Claim("deploy", 2, 3, child=True)),
        (LIMITED, ["deploy-v1", "other-v2"], True, None),
    ],
)
def test_what_an_execution_asks_for(
    concurrency: Concurrency | None, above: list[str] | None, tenant_limited: bool, claim: Claim | None
) -> None:
    lineage = Lineage(PARENT, "root", tuple(above)) if above else None
    assert claim_of("deploy-v3", concurrency, lineage, tenant_limited=tenant_limited) == claim


@given(
    tenant=st.none() | st.integers(1, 4),
    limit=st.none() | st.integers(1, 3),
    moves=st.lists(st.sampled_from(["root", "child", "refuse", "end", "end child", "next"]), max_size=60),
)
def test_no_more_go_than_both_limits_let_and_nobody_waits_for_nothing(
    tenant: int | None, limit: int | None, moves: list[str]
) -> None:
    counter = Counter(Book(tenant), Line("deploy" if limit else SHARED))
    waiting, children = list[int](), list[int]()
    roots_run = children_run = 0
    for move in moves:
        line = counter.line
        if move in {"root", "child", "refuse"}:
            claim = Claim(line.intent, limit, 1, refuse=move == "refuse", child=move == "child")
            number = counter.book.next
            entered = counter.limited(claim).entered(claim)
            if entered is None:
                assert limit is not None
                assert line.running + line.queued + line.children >= limit
                continue
            counter, status = entered
            roots_run += status == "admitted" and not claim.child
            children_run += status == "admitted" and claim.child
            waiting += [number] * (status == "queued")
            children += [number] * (status == "child")
        elif move == "end" and roots_run:
            counter, roots_run = counter.left("admitted", child=False, following=line.number), roots_run - 1
        elif move == "end child" and children_run:
            counter = counter.left("admitted", child=True, following=line.number)
            children_run -= 1
        elif move == "next" and counter.book.serves == "child":
            assert counter.places(child=True)
            del children[0]
            counter, children_run = counter.admitted(1, child=True, following=line.number), children_run + 1
        elif move == "next" and counter.book.serves == "open":
            assert counter.places(child=False)
            del waiting[0]
            counter = counter.admitted(1, child=False, following=waiting[0] if waiting else 0)
            roots_run += 1
        book, line = counter.book, counter.line
        assert (book.running, line.running) == (roots_run, roots_run + children_run)
        assert (line.queued, line.children, book.waiting) == (
            len(waiting), len(children), len(waiting) + len(children),
        )  # fmt: skip
        assert line.number == (waiting[0] if waiting else 0)
        assert tenant is None or book.running <= tenant
        assert limit is None or line.running <= limit
        assert (book.open, book.children) == (line.status == "open", line.status == "child")
        assert Counter(Book.from_json(book.to_json()), Line.from_json(line.to_json())) == counter
