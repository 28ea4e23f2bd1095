"""Breaks when a script written for DecentralizePy lacks a name or keyword of a node."""

import logging

import pytest

from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Ring import Ring
from decentralizepy.mappings.Linear import Linear
from decentralizepy.node import process
from decentralizepy.node.DPSGDNode import DPSGDNode
from decentralizepy.node.DPSGDNodeFederated import DPSGDNodeFederated
from decentralizepy.node.DPSGDWithPeerSampler import DPSGDWithPeerSampler
from decentralizepy.node.EpidemicLearning.EL_Local import EL_Local
from decentralizepy.node.FederatedParameterServer import FederatedParameterServer
from decentralizepy.node.KFN import KFNNode
from decentralizepy.node.KNN import KNN
from decentralizepy.node.LiveNode import LiveNode
from decentralizepy.node.Node import Node
from decentralizepy.node.STC.STCClient import STCClient


@pytest.mark.parametrize(
    ("cls", "keyword", "name"),
    [
        (DPSGDWithPeerSampler, "peer_sampler_uid", "service_uid"),
        (DPSGDNodeFederated, "parameter_server_uid", "service_uid"),
        (STCClient, "server_uid", "service_uid"),
        (KNN, "K", "k"),
        (KNN, "initial_neighbors", "initial_neighbors"),
        (KFNNode, "K", "k"),
    ],
)
def test_a_keyword_of_the_public_constructor_is_taken(cls, keyword, name):
    passed = []
    steps = {
        "instantiate": lambda self, *args: passed.append(args),
        "run": lambda self: None,
    }
    own = type("Own", (cls,), steps)
    node = own(0, 0, Linear(1, 2), Ring(2), {}, 5, ".", **{keyword: 7})
    assert getattr(node, name) == getattr(node, keyword) == 7
    assert passed[0][5:] == (5, ".")


@pytest.mark.parametrize(
    ("cls", "names"),
    [
        (DPSGDNode, ["service_uid"]),
        (DPSGDWithPeerSampler, ["peer_sampler_uid"]),
        (KNN, ["initial_neighbors", "K"]),
    ],
)
def test_arguments_after_the_twelfth_have_their_public_meaning(
    tmp_path, monkeypatch, cls, names
):
    monkeypatch.setattr(cls, "build_and_greet", lambda self, config: None)
    folder = str(tmp_path)
    twelve = (0, 0, Linear(1, 2), Ring(2), {}, 5, folder, folder, logging.INFO, 5, 1, 1)
    node = cls.__new__(cls)
    LiveNode.instantiate(node, *twelve, *range(7, 7 + len(names)))
    node.close_log()
    assert [getattr(node, name) for name in names] == [7, 8][: len(names)]


def test_what_was_logged_before_does_not_silence_the_log(tmp_path, monkeypatch):
    """A logger remembers that its level is off until it is told of another one."""
    root, early = logging.getLogger(), logging.getLogger("early")
    before = root.level
    monkeypatch.setattr(process, "is_own", lambda: True)
    monkeypatch.setattr(root, "handlers", [])
    root.setLevel(logging.WARNING)
    node = Node.__new__(Node)
    try:
        early.info("not heard")
        node.init_log(str(tmp_path), 0, logging.INFO, force=True)
        early.info("heard")
    finally:
        root.setLevel(before)
        node.close_log()
    text = (tmp_path / "0.log").read_text()
    assert "] heard" in text
    assert "not heard" not in text


def test_a_log_that_is_there_is_kept_without_force(tmp_path, monkeypatch):
    root, own = logging.getLogger(), logging.NullHandler()
    monkeypatch.setattr(process, "is_own", lambda: True)
    monkeypatch.setattr(root, "handlers", [own])
    node = Node.__new__(Node)
    node.init_log(str(tmp_path), 0, logging.INFO, force=False)
    node.close_log()
    assert root.handlers == [own]


def test_attributes_that_scripts_read_are_there(run_nodes):
    nodes = run_nodes(FullyConnected(4), EL_Local, 1)
    node = nodes[0]
    assert node.degree == 2
    assert node.threads_per_proc >= 1
    assert sum(len(y) for _, y in node.testset) == 64
    assert (node.dataset_class.__name__, node.model_class.__name__) == (
        "Points",
        "Linear",
    )
    assert node.dataset_params == {"random_seed": 3}


def test_neighbors_may_be_asked_for_a_node(run_nodes):
    assert run_nodes(Ring(4), rounds=1)[0].get_neighbors(0) == {1, 3}


def test_a_plot_is_saved(tmp_path):
    node = DPSGDNode.__new__(DPSGDNode)
    path = tmp_path / "loss.png"
    node.save_plot({"1": 0.5, "2": 0.25}, "loss", "Loss", "Rounds", str(path))
    assert path.read_bytes().startswith(b"\x89PNG")


class Favoring(FederatedParameterServer):
    """Always asks client 0."""

    def get_working_nodes(self):
        return {0}


def test_the_workers_of_get_working_nodes_are_asked(run_nodes):
    options = (run_nodes.folder, logging.INFO, 2, 1, 1.0)
    nodes = run_nodes(FullyConnected(3), DPSGDNodeFederated, 2, Favoring, options)
    assert nodes[0].sharing.communication_round > 0
    assert nodes[1].sharing.communication_round == 0


class Impatient(DPSGDNode):
    """Averages as soon as there is one model."""

    def received_from_all(self):
        return bool(self.awaited - self._missing(self.awaited))

    def check_average(self, messages):
        self.counts = [*getattr(self, "counts", []), len(messages)]


def test_a_round_ends_when_received_from_all_says_so(run_nodes):
    nodes = run_nodes(FullyConnected(4), Impatient, 3)
    assert all(len(node.counts) == 3 for node in nodes.values())
    assert all(1 <= count <= 3 for node in nodes.values() for count in node.counts)
    assert any(count < 3 for node in nodes.values() for count in node.counts)


class Meeting(DPSGDNode):
    """Counts how often it is told to connect."""

    times = 0

    def connect_neighbors(self):
        self.times += 1
        super().connect_neighbors()


def test_neighbors_are_connected_in_every_round(run_nodes):
    assert run_nodes(Ring(4), Meeting, 3)[0].times == 1 + 3
