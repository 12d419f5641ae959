"""Cutting plans: every step once, nothing waits for more than it must, and large plans are shared out."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.workflow.cutting import BUNDLE, SMALL, cut
from shared.workflow.work import Node
from tests.workflow.plans import Graph, graphs


def _steps(node: Node) -> list[str]:
    return [step for lane in node.lanes for step in lane.steps]


def _ancestors(graph: Graph) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}

    def of(step: str) -> set[str]:
        if step not in found:
            found[step] = set(graph[step]).union(*(of(before) for before in graph[step]))
        return found[step]

    for step in graph:
        of(step)
    return found


@given(graphs(most=40), st.sampled_from([0, 30]), st.sampled_from([4, 50]))
@settings(max_examples=150, deadline=None)
def test_a_cut_holds_every_step_once_and_delays_none(graph: Graph, small: int, bundle: int) -> None:
    nodes = cut(graph, small=small, bundle=bundle)
    assert sorted(step for node in nodes for step in _steps(node)) == sorted(graph)
    ancestors = _ancestors(graph)
    node_of = {step: node.key for node in nodes for step in _steps(node)}
    for node in nodes:
        assert all(key < node.key for key in node.after)  # acyclic, and in an order that can be run
        waited = {step for key in node.after for step in _steps(nodes[key])}
        for lane in node.lanes:
            # What a lane waits for as a part of its node, its first step has to wait for anyway.
            assert waited <= ancestors[lane.steps[0]]
            for before, step in itertools.pairwise(lane.steps):
                assert before in graph[step]
    for step, needed in graph.items():
        for dependency in needed:
            assert node_of[dependency] <= node_of[step]


@given(graphs(most=40))
@settings(max_examples=50, deadline=None)
def test_bundles_keep_to_their_size(graph: Graph) -> None:
    for node in cut(graph, small=0, bundle=6):
        assert len(node.lanes) == 1 or len(node.steps) <= 6


def test_a_reference_that_a_longer_path_implies_does_not_break_a_chain() -> None:
    (node,) = cut({"a": [], "b": ["a"], "c": ["a", "b"]})
    assert node.lanes[0].steps == ["a", "b", "c"]


def test_a_small_plan_has_no_orchestrations_beside_the_first() -> None:
    wide: Graph = {f"s{number}": [] for number in range(SMALL)}
    assert not any(node.apart for node in cut(wide))


def test_wide_plans_are_shared_out_in_bundles() -> None:
    wide: Graph = {"begin": [], **{f"s{number}": ["begin"] for number in range(1000)}}
    wide["end"] = [f"s{number}" for number in range(1000)]
    nodes = cut(wide)
    assert sorted(len(node.steps) for node in nodes) == [1, 1, *[BUNDLE] * (1000 // BUNDLE)]
    assert sum(node.apart for node in nodes) == 1000 // BUNDLE


def test_parallel_chains_are_apart_and_a_chain_alone_is_not() -> None:
    two: Graph = {
        f"{lane}{number}": [f"{lane}{number - 1}"] if number else [] for lane in "ab" for number in range(60)
    }
    assert [node.apart for node in cut(two)] == [True, True]
    one: Graph = {f"s{number}": [f"s{number - 1}"] if number else [] for number in range(1000)}
    assert [node.apart for node in cut(one)] == [False]
