"""Breaks when compatible parts are refused; tests/faults has the incompatible ones."""

from argparse import Namespace

import pytest

from decentralizepy import factory
from decentralizepy.errors import ConfigError
from decentralizepy.graphs.DynamicRegular import DynamicRegular
from decentralizepy.graphs.Exponential import Exponential
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.RandomMatching import RandomMatching
from decentralizepy.graphs.Ring import Ring
from decentralizepy.graphs.Star import Star
from decentralizepy.node.DPSGDNode import DPSGDNode
from decentralizepy.node.DPSGDNodeFederated import DPSGDNodeFederated
from decentralizepy.node.DPSGDWithPeerSampler import DPSGDWithPeerSampler
from decentralizepy.node.EpidemicLearning.EL_Local import EL_Local
from decentralizepy.node.FederatedParameterServer import FederatedParameterServer
from decentralizepy.node.FinalMerge import FinalMerge
from decentralizepy.node.KNN import KNN
from decentralizepy.node.PeerSampler import PeerSampler
from decentralizepy.node.PeerSamplerDynamic import PeerSamplerDynamic
from decentralizepy.node.PENS import PENS
from decentralizepy.node.STC.STCClient import STCClient
from decentralizepy.node.STC.STCServer import STCServer
from decentralizepy.runs.chosen import Chosen
from decentralizepy.runs.compatibility import check
from decentralizepy.training.Training import Training

SERVED = (DPSGDNodeFederated, FederatedParameterServer)


class Own(DPSGDNode):
    """A node whose needs only its user knows."""


def parts(name, graph, node, service=None):
    sharing = factory.load(f"decentralizepy.sharing.{name}", name)
    args = Namespace(config_file="c.ini", graph_file=None, server_rank=-1)
    return Chosen(args, {}, sharing, graph, node, service)


@pytest.mark.parametrize(
    ("name", "graph", "classes"),
    [
        ("Sharing", Ring(4), (DPSGDNode,)),
        ("Sharing", RandomMatching(4), (DPSGDNode,)),
        ("PushSum", Exponential(4), (DPSGDNode,)),
        ("Choco", Ring(4), (DPSGDNode,)),
        ("Choco", Ring(4), (KNN,)),  # the overlay stays as it was built
        ("Choco", Ring(4), (DPSGDWithPeerSampler, PeerSampler)),
        ("Sharing", Ring(4), (DPSGDWithPeerSampler, PeerSamplerDynamic)),
        ("PowerGossip", Ring(4), (DPSGDNode,)),
        ("D2", Ring(5), (DPSGDNode,)),
        ("ExactDiffusion", Ring(4), (DPSGDNode,)),
        ("RelaySum", Star(4), (DPSGDNode,)),
        ("SecureAggregation", Ring(4), (DPSGDNode,)),
        ("Shatter", RandomMatching(4), (DPSGDNode,)),
        ("PartialModel", Ring(4), (EL_Local,)),
        ("Sharing", Graph(4), SERVED),
        ("STC", Graph(4), (STCClient, STCServer)),
        ("Sharing", Graph(1), (DPSGDNode,)),
        ("Choco", RandomMatching(4), (Own,)),
        ("Sharing", Graph(4), (Own,)),
    ],
)
def test_what_goes_together_is_let_through(name, graph, classes):
    check(parts(name, graph, *classes))


def test_all_that_does_not_is_told_at_once():
    with pytest.raises(ConfigError) as error:
        check(parts("STC", Graph(3), DPSGDNode, STCServer))
    assert str(error.value).splitlines() == [
        "c.ini: [NODE] server_class = STCServer: DPSGDNode needs no service",
        "c.ini: [SHARING] sharing_class = STC: needs the nodes STCClient and STCServer, "
        "not DPSGDNode",
        "c.ini: [GRAPH] graph_class = Graph: not connected: 3 parts, of 1, 1, 1 nodes, "
        "would train separately; --allow_disconnected allows this",
    ]


@pytest.mark.parametrize(
    ("name", "graph", "cause"),
    [
        ("D2", Ring(4), "diverges on this graph: the least eigenvalue is -0.333"),
        ("RelaySum", Ring(4), "needs a tree; the graph has 4 edges for 4 nodes"),
        ("SecureAggregation", Star(4), "needs 2 neighbors for every node; uid 1 has 1"),
        (
            "SecureAggregation",
            Exponential(4),
            "needs the edges of the graph, both ways",
        ),
        ("EXTRA", RandomMatching(4), "needs the same neighbors in every round"),
    ],
)
def test_graphs_on_which_an_algorithm_does_not_work_are_refused(name, graph, cause):
    with pytest.raises(ConfigError, match=rf"sharing_class = {name}: {cause}"):
        check(parts(name, graph, DPSGDNode))


@pytest.mark.parametrize(
    ("name", "node", "cause"),
    [
        (
            "EXTRA",
            FinalMerge,
            "needs the same neighbors in every round; FinalMerge aver",
        ),
        ("PushSum", PENS, "PENS takes Sharing, as it averages whole models"),
    ],
)
def test_what_a_node_averages_once_or_chooses_is_whole_models(name, node, cause):
    check(parts("Sharing", FullyConnected(4), node))
    with pytest.raises(ConfigError, match=rf"sharing_class = {name}: {cause}"):
        check(parts(name, FullyConnected(4), node))


def test_more_byzantine_neighbors_than_can_be_outvoted_are_refused():
    chosen = parts("TrimmedMean", Ring(4), DPSGDNode)
    check(chosen)  # one of two
    chosen = chosen._replace(config={"SHARING": {"byzantine": 2}})
    told = (
        r"^c.ini: \[SHARING\] byzantine = 2: uid 0 has 2 neighbors; expected at most 1"
    )
    with pytest.raises(ConfigError, match=told):
        check(chosen)
    check(chosen._replace(graph=RandomMatching(4)))  # its degrees are not known yet
    check(parts("GTS", Ring(4), DPSGDNode))
    with pytest.raises(ConfigError, match="2 neighbors; expected at most 0"):
        check(parts("CSPlus", Ring(4), DPSGDNode))  # it would not move


def test_a_sharing_that_compares_losses_needs_a_trainer_that_has_them():
    chosen = parts("UBAR", Ring(4), DPSGDNode)
    section = {"training_package": Training.__module__, "training_class": "Training"}
    check(chosen._replace(config={"TRAIN_PARAMS": section}))
    section = {"training_package": __name__, "training_class": "Own"}
    with pytest.raises(ConfigError, match="UBAR: needs losses; Own has no loss_on"):
        check(chosen._replace(config={"TRAIN_PARAMS": section}))


class OwnRounds(DPSGDNode):
    def rounds(self):
        yield from range(3)


@pytest.mark.parametrize(
    ("node", "graph", "section", "options", "cause"),
    [
        (
            DPSGDNode,
            Ring(4),
            {"on_peer_loss": "drop"},
            {},
            "nodes that are lost cannot",
        ),
        (DPSGDNode, Ring(4), {}, {"evaluate": "mean_model"}, "nodes do not know their"),
        (
            DPSGDNode,
            Graph(4),
            {},
            {"allow_disconnected": True},
            "parts of a graph that",
        ),
        (OwnRounds, Ring(4), {}, {}, "OwnRounds has its own rounds"),
    ],
    ids=["losses", "mean model", "islands", "own rounds"],
)
def test_nodes_that_cannot_agree_when_to_end_have_no_target(
    node, graph, section, options, cause
):
    chosen = parts("Sharing", graph, node)._replace(config={"FAULTS": section})
    chosen.args.target_accuracy, chosen.args.machines = 80.0, 1
    vars(chosen.args).update(options)
    told = f"^--target_accuracy 80.0: (with .*, )?{cause}.*; expected 0$"
    with pytest.raises(ConfigError, match=told):
        check(chosen)
    chosen.args.target_accuracy = 0.0
    check(chosen)


@pytest.mark.parametrize(
    ("classes", "cause"),
    [
        ((KNN,), "KNN builds its graph with all nodes"),
        (
            (DPSGDWithPeerSampler, PeerSamplerDynamic),
            "PeerSamplerDynamic sends nodes to",
        ),
        ((DPSGDNode,), ""),
        ((EL_Local,), ""),
        ((DPSGDWithPeerSampler, PeerSampler), ""),
        (SERVED, ""),
    ],
)
def test_nodes_that_would_meet_a_dead_one_are_not_to_go_on_without(classes, cause):
    chosen = parts("Sharing", Ring(4), *classes)
    chosen = chosen._replace(config={"FAULTS": {"on_peer_loss": "drop"}})
    if not cause:
        check(chosen)
        return
    with pytest.raises(ConfigError, match=f"on_peer_loss = drop: {cause}"):
        check(chosen)


def test_nor_are_nodes_on_a_graph_that_changes():
    """A node that has yet to greet the dead one would wait until start_timeout."""
    chosen = parts("Sharing", DynamicRegular(6, 2), DPSGDNode)
    chosen = chosen._replace(config={"FAULTS": {"on_peer_loss": "drop"}})
    with pytest.raises(ConfigError, match="DynamicRegular sends nodes to others that"):
        check(chosen)


class Looping(DPSGDNode):
    """A node that has its own loop, and evaluates in it."""

    def run(self):
        pass


@pytest.mark.parametrize(
    ("wanted", "classes", "sections", "told"),
    [
        (5, (DPSGDNode,), {}, "expected up to 4, the number of nodes"),
        (
            2,
            SERVED,
            {},
            "only the model of FederatedParameterServer is tested; expected all",
        ),
        ("mean_model", (Looping,), {}, "Looping has its own run; expected all"),
        (2, (lambda *parts: None,), {}, "has its own instantiate; expected all"),
        (
            "mean_model",
            (DPSGDNode,),
            {"FAULTS": {"on_peer_loss": "drop"}},
            "expected all or a number of nodes, with on_peer_loss = drop",
        ),
    ],
)
def test_who_evaluates_is_refused_where_it_would_have_no_effect(
    wanted, classes, sections, told
):
    chosen = parts("Sharing", Ring(4), *classes)
    chosen.args.evaluate, chosen.args.machines = wanted, 1
    with pytest.raises(ConfigError) as error:
        check(chosen._replace(config=sections))
    assert str(error.value).startswith(f"--evaluate {wanted}: ")
    assert str(error.value).endswith(told)


def test_no_machine_of_several_has_all_models():
    chosen = parts("Sharing", Ring(4), DPSGDNode)
    chosen.args.evaluate, chosen.args.machines = "mean_model", 2
    with pytest.raises(ConfigError, match="as no machine has all models"):
        check(chosen)
    chosen.args.evaluate = 2
    check(chosen)


@pytest.mark.parametrize("wanted", ["all", "mean_model", 4])
@pytest.mark.parametrize("classes", [(Own,), (KNN,), (EL_Local,)])
def test_nodes_with_the_loop_of_this_package_evaluate_as_they_are_told(wanted, classes):
    chosen = parts("Sharing", Ring(4), *classes)
    chosen.args.evaluate, chosen.args.machines = wanted, 1
    check(chosen)
