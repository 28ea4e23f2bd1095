"""Breaks when nodes do not end together in the round that reaches the target accuracy."""

import json
from statistics import fmean

import networkx as nx
import pytest
import torch
from hypothesis import given, settings, strategies as st

from decentralizepy.config.run_section import RunSection
from decentralizepy.graphs.DynamicRegular import DynamicRegular
from decentralizepy.graphs.Exponential import Exponential
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.Ring import Ring
from decentralizepy.node.DPSGDNode import DPSGDNode
from decentralizepy.node.DPSGDNodeFederated import DPSGDNodeFederated
from decentralizepy.node.DPSGDWithPeerSampler import DPSGDWithPeerSampler
from decentralizepy.node.early_stop import parents
from decentralizepy.node.EpidemicLearning.EL_Local import EL_Local
from decentralizepy.node.FederatedParameterServer import FederatedParameterServer
from decentralizepy.node.KNN import KNN
from decentralizepy.node.PeerSampler import PeerSampler
from tests.support.alike import assert_same_weights
from tests.support.launcher import results, run

TARGET = 80.0
ROUNDS = 40


@given(nodes=st.integers(1, 12), seed=st.integers(0, 99))
@settings(max_examples=30)
def test_every_node_is_connected_to_the_root_along_edges(nodes, seed):
    graph = Graph.from_networkx(nx.random_labeled_tree(nodes, seed=seed))
    above = parents(graph)
    for uid in range(nodes):
        steps = 0
        while uid:
            assert above[uid] in graph.neighbors(uid)
            uid, steps = above[uid], steps + 1
            assert steps < nodes


def often(node_class):
    class Testing(node_class):
        """Tests in every second round."""

        def cache_fields(self, *args):
            super().cache_fields(*args)
            self.test_after = 2

    return Testing


def until(target, **options):
    return {"RUN": RunSection({}, target_accuracy=target, **options)}


@pytest.mark.parametrize(
    ("node_class", "graph", "service"),
    [
        (DPSGDNode, Ring(5), None),
        (DPSGDNode, DynamicRegular(6, degree=2), None),
        (DPSGDNode, Exponential(5), None),
        (EL_Local, FullyConnected(4), None),
        (KNN, FullyConnected(4), None),
        (DPSGDWithPeerSampler, Ring(4), PeerSampler),
    ],
    ids=lambda each: getattr(each, "__name__", type(each).__name__),
)
def test_all_nodes_end_in_the_first_round_whose_mean_is_the_target(
    run_nodes, node_class, graph, service
):
    options = {"node_class": often(node_class), "service_class": service}
    learn = {"OPTIMIZER_PARAMS": {"lr": 0.02}, "NODE": {"k": 2, "graph_degree": 2}}
    nodes = run_nodes(graph, rounds=ROUNDS, **options, **learn, **until(TARGET))
    nodes = {uid: node for uid, node in nodes.items() if uid >= 0}
    tables = [*results(run_nodes.folder).values()]
    tests = [table["test_acc"] for table in tables]
    means = {number: fmean(test[number] for test in tests) for number in tests[0]}
    *before, last = means
    assert len(before) > 0
    assert int(last) < ROUNDS
    assert all(means[number] < TARGET for number in before)
    assert means[last] >= TARGET
    for table in tables:
        assert table["mean_test_acc"] == pytest.approx(means)
        assert table["target_reached"] == {last: True}
        assert len(table["total_bytes"]) == int(last)
    for uid, node in nodes.items():
        assert (run_nodes.folder / f"{node.iteration}_weight_{uid}.pt").exists()


def test_a_run_that_never_gets_there_has_all_its_rounds_and_the_same_bits(run_nodes):
    options = {"node_class": often(DPSGDNode), "rounds": 6}
    plain = run_nodes(Ring(4), **options)
    expected = results(run_nodes.folder)
    nodes = run_nodes(Ring(4), **options, **until(100.0))
    for uid, node in nodes.items():
        assert torch.equal(node.model.fc.weight, plain[uid].model.fc.weight)
    for name, table in results(run_nodes.folder).items():
        assert len(table.pop("mean_test_acc")) == 3
        assert table == expected[name]


def test_a_parameter_server_ends_the_run_by_its_own_accuracy(run_nodes):
    run_nodes(
        FullyConnected(3),
        DPSGDNodeFederated,
        ROUNDS,
        FederatedParameterServer,
        (str(run_nodes.folder), 20, 1),
        **until(TARGET),
    )
    tables = results(run_nodes.folder)
    tests = tables["-1_results.json"]["test_acc"]
    last = max(map(int, tests))
    assert last < ROUNDS
    assert tests[str(last)] >= TARGET
    assert all(tests[number] < TARGET for number in tests if int(number) < last)
    assert len(tables["0_results.json"]["total_bytes"]) == last


def test_a_run_that_is_resumed_where_it_ended_is_over(run_nodes):
    """With a higher target, it goes on."""
    options = {"node_class": often(DPSGDNode), "rounds": ROUNDS}
    nodes = run_nodes(Ring(4), **options, **until(TARGET, checkpoint_every=1))
    expected = results(run_nodes.folder)
    number = nodes[0].iteration + 1
    again = {"first_round": number, "checkpoint_every": 1}
    run_nodes(Ring(4), **options, **until(TARGET, **again))
    assert results(run_nodes.folder) == expected
    nodes = run_nodes(Ring(4), **options, **until(100.0, **again))
    assert nodes[0].iteration + 1 == ROUNDS


@pytest.mark.processes
@pytest.mark.slow
def test_the_launcher_says_why_a_run_ended_and_tests_its_models(experiment, tmp_path):
    section = {"target_accuracy": str(TARGET), "checkpoint_every": "30"}
    for name, flags in (("run", ()), ("debug", ("--engine", "debug"))):
        words = experiment("IPC", 60, name=name, RUN=section)
        done = run([*words, "-ta", "2", *flags])
        assert done.returncode == 0, done.stderr
    assert results(tmp_path / "run") == results(tmp_path / "debug")
    assert_same_weights(tmp_path / "run" / "weights", tmp_path / "debug" / "weights")
    means = results(tmp_path / "run")["0_results.json"]["mean_test_acc"]
    (last,) = (number for number, mean in means.items() if mean >= TARGET)
    told = f"{last} of 60: the target was reached, {means[last]:.1f}%"
    assert told in done.stdout
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert (manifest["outcome"], manifest["ended_after"]) == ("done", int(last))
    final = json.loads((tmp_path / "run" / "final.json").read_text())
    assert list(final["mean_model_acc"]) == [last]
