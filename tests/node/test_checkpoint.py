"""Breaks when a node that resumes from a checkpoint differs from the one that stopped."""

import dataclasses
import random
import threading
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple

import networkx as nx
import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import ExponentialLR

from decentralizepy.checkpoints import Checkpoints, newest_common, set_attributes
from decentralizepy.config.run_section import RunSection
from decentralizepy.errors import ConfigError
from decentralizepy.graphs.DynamicRegular import DynamicRegular
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.Ring import Ring
from decentralizepy.graphs.Star import Star
from decentralizepy.node._identity import differences
from decentralizepy.node._state import Decoder, Encoder
from decentralizepy.node.checkpoint import max_round_lag
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
from decentralizepy.node.SkipTrain import SkipTrain
from decentralizepy.node.STC.STCClient import STCClient
from decentralizepy.node.STC.STCServer import STCServer
from decentralizepy.node.Teleportation import Teleportation
from decentralizepy.sharing.Sharing import Sharing
from decentralizepy.training.Training import Training
from tests.support.launcher import results

ROUNDS, STOP = 8, 5

SHARINGS = {
    "Sharing": {},
    "PlainAverageSharing": {},
    "PartialModel": {"alpha": 0.3, "accumulation": True},
    "SubSampling": {"alpha": 0.5},
    "RandomK": {"alpha": 0.5},
    "Choco": {"alpha": 0.4, "step_size": 0.5},
    "QSGD": {},
    "SignError": {},
    "PowerGossip": {},
    "PushSum": {},
    "ExactDiffusion": {},
    "EXTRA": {},
    "GradientTracking": {},
    "QuasiGlobal": {},
    "LED": {},
    "ProxSkip": {"probability": 0.5},
    "KGT": {},
    "LocalMomentum": {},
    "AveragedMomentum": {},
    "RelaySum": {},
    "TrimmedMean": {},
    "Muffliato": {"noise_std": 0.1, "max_update_norm": 0.5, "gossip_steps": 2},
    "SecureAggregation": {},
    "Shatter": {"vnodes_per_node": 2},
    "ZipDL": {"noise_std": 0.1, "self_noise": True},
    "JWINS.Wavelet": {"alpha": 0.4, "accumulation": True},
    "JWINS.FFT": {"alpha": 0.4},
    "JWINS.JWINS": {"accumulation": True, "accumulate_averaging_changes": True},
}


def sharing(name):
    return {
        "sharing_package": f"decentralizepy.sharing.{name}",
        "sharing_class": name.split(".")[-1],
        **SHARINGS.get(name, {}),
    }


def same(nodes, others):
    for uid, node in nodes.items():
        if isinstance(node, PeerSampler):
            continue  # has no state, and writes no results
        own, other = node.model.state_dict(), others[uid].model.state_dict()
        assert all(torch.equal(own[name], other[name]) for name in own), f"uid {uid}"
        assert node.communication.total_bytes == others[uid].communication.total_bytes


def stopped_and_gone_on_with(run_nodes, graph, options, first=STOP, **sections):
    """Return the nodes of a run of ROUNDS, and of one that was stopped in between."""
    optimizer = {"optimizer_class": "Adam", "lr": 0.05}
    sections = {"OPTIMIZER_PARAMS": optimizer, **sections}
    whole = run_nodes(graph, rounds=ROUNDS, **options, **sections)
    expected = results(run_nodes.folder)
    kept = {"RUN": {"checkpoint_every": 1}}
    run_nodes(graph, rounds=STOP + 1, **options, **sections, **kept)
    again = {"RUN": RunSection({}, first_round=first, checkpoint_every=1)}
    resumed = run_nodes(graph, rounds=ROUNDS, **options, **sections, **again)
    assert results(run_nodes.folder) == expected
    return whole, resumed


@pytest.mark.parametrize("name", SHARINGS)
def test_every_sharing_goes_on_bit_by_bit(run_nodes, name):
    graph = Star(4) if name == "RelaySum" else Ring(4)
    same(*stopped_and_gone_on_with(run_nodes, graph, {}, SHARING=sharing(name)))


def test_private_training_goes_on_bit_by_bit(run_nodes):
    """With the epsilons in the results."""
    section = {
        "training_package": "decentralizepy.training.DPTraining",
        "training_class": "DPTraining",
        "rounds": 2,
    }
    same(*stopped_and_gone_on_with(run_nodes, Ring(3), {}, TRAIN_PARAMS=section))
    assert "epsilon" in results(run_nodes.folder)["0_results.json"]


SCHEDULERS = {
    "CosineAnnealingWarmRestarts": {"t_0": 3},
    "ReduceLROnPlateau": {"patience": 0},
    "OneCycleLR": {"max_lr": 0.1, "total_steps": 100, "interval": "step"},
    "MultiStepLR": {"milestones": "[2, 6]"},
}


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("reset", [0, 1])
def test_every_scheduler_goes_on_bit_by_bit(run_nodes, name, reset):
    class Renewing(DPSGDNode):
        def init_parts(self, config):
            self.reset_optimizer = reset
            super().init_parts(config)

    section = {
        "scheduler_package": "torch.optim.lr_scheduler",
        "scheduler_class": name,
        **SCHEDULERS[name],
    }
    options = {"node_class": Renewing}
    runs = stopped_and_gone_on_with(run_nodes, Ring(3), options, LR_SCHEDULER=section)
    same(*runs)
    ours, theirs = (nodes[0].optimizer.param_groups[0] for nodes in runs)
    assert ours["lr"] == theirs["lr"] != 0.05


class Elsewhere(DPSGDNodeFederated):
    """Is on a machine without the server, whose launcher cannot know the round."""

    def init_checkpoints(self, config):
        first = min(1, RunSection.of(config).first_round)
        super().init_checkpoints(RunSection({}, first, checkpoint_every=1))


@pytest.mark.parametrize(
    ("node", "server", "algorithm"),
    [
        (DPSGDNode, None, "Sharing"),
        (EL_Local, None, "Sharing"),
        (PENS, None, "Sharing"),
        (SkipTrain, None, "Sharing"),
        (FinalMerge, None, "Sharing"),
        (Teleportation, None, "Sharing"),
        (DPSGDNodeFederated, FederatedParameterServer, "Sharing"),
        (Elsewhere, FederatedParameterServer, "Sharing"),
        (STCClient, STCServer, "STC"),
        (DPSGDWithPeerSampler, PeerSampler, "Sharing"),
        (DPSGDWithPeerSampler, PeerSamplerDynamic, "Sharing"),
    ],
)
def test_every_kind_of_node_goes_on_bit_by_bit(run_nodes, node, server, algorithm):
    options = {"node_class": node, "service_class": server}
    section = sharing(algorithm) | ({"alpha": 0.3} if algorithm == "STC" else {})
    if server and node is not DPSGDWithPeerSampler:
        some = (str(run_nodes.folder), 20, 10, 1, 0.5)
        options |= {"service_options": some}
    keys = {"graph_degree": 2, "selection_rounds": 4, "training_rounds": 2, "active": 2}
    sections = {"SHARING": section, "NODE": keys}
    same(*stopped_and_gone_on_with(run_nodes, FullyConnected(4), options, **sections))


def test_a_neighbor_that_was_greeted_before_is_not_counted_again(run_nodes):
    """On a graph that changes, nodes greet some neighbors only after they resume."""
    stopped_and_gone_on_with(run_nodes, DynamicRegular(6, 2, seed=1), {})


class Careful(DPSGDNodeFederated):
    """Sees that its checkpoint has a round before the server hears of it."""

    def answer(self):
        assert self.checkpointer.files.rounds()[-1] == self.iteration + 1
        super().answer()


def serve(run_nodes, rounds, run):
    some = (str(run_nodes.folder), 20, 10, 1, 1.0)
    options = {"service_class": FederatedParameterServer, "service_options": some}
    limits = {"peer_timeout": 1}
    return run_nodes(
        FullyConnected(3), Careful, rounds, **options, RUN=run, FAULTS=limits
    )


def test_a_client_has_a_checkpoint_before_it_answers(run_nodes):
    nodes = serve(run_nodes, 3, {"checkpoint_every": 2})
    assert nodes[0].checkpointer.files.rounds() == [1, 2, 3]


@pytest.mark.slow
def test_a_client_that_lacks_a_checkpoint_refuses_to_resume(run_nodes):
    nodes = serve(run_nodes, 5, {"checkpoint_every": 2})
    nodes[0].checkpointer.files.path(4).unlink()
    again = RunSection({}, first_round=4, checkpoint_every=2)
    text = "uid 0 cannot resume in round 5: .* of round 3, but it took part in round 4"
    with pytest.raises(ConfigError, match=text):
        serve(run_nodes, 6, again)


def test_an_overlay_stays_as_it_was_built(run_nodes):
    graph, section = FullyConnected(5), {"k": 2, "gossip_rounds": 3}
    kept = {"checkpoint_every": 1}
    first = run_nodes(graph, KNN, rounds=3, NODE=section, RUN=kept)
    edges = {uid: node.my_neighbors for uid, node in first.items()}
    again = RunSection({}, first_round=2, checkpoint_every=1)
    second = run_nodes(graph, KNN, rounds=4, NODE=section, RUN=again)
    assert {uid: node.my_neighbors for uid, node in second.items()} == edges


def test_a_checkpoint_of_another_run_is_refused(run_nodes):
    run_nodes(Ring(3), rounds=2, RUN={"checkpoint_every": 1})
    again = RunSection({}, first_round=1)
    with pytest.raises(ConfigError, match=r"a different \[TRAIN_PARAMS\]$"):
        run_nodes(Ring(3), rounds=2, RUN=again, TRAIN_PARAMS={"rounds": 5})


def test_only_as_many_checkpoints_are_kept_as_may_be_needed(run_nodes):
    run_nodes(Ring(4), rounds=9, RUN={"checkpoint_every": 2})
    # two nodes of a ring of 4 are two rounds apart at most
    assert Checkpoints(str(run_nodes.folder), 0).rounds() == [4, 6, 8]


def test_the_newest_round_that_all_have_whole_counts(tmp_path):
    nodes = [Checkpoints(str(tmp_path), rank) for rank in range(3)]
    for node in nodes:
        for number in (2, 4, 6):
            node.write(number, {}, {"x": torch.ones(5)}, kept=9)
    assert newest_common(str(tmp_path), range(3)) == 6
    nodes[0].path(6).unlink()
    torn = nodes[2].path(4)
    torn.write_bytes(torn.read_bytes()[:-3])
    assert newest_common(str(tmp_path), range(3)) == 2
    assert newest_common(str(tmp_path), range(4)) == 0
    with pytest.raises(ConfigError, match=r"4\.safetensors: damaged"):
        nodes[2].read(4)


Pair = namedtuple("Pair", "left right")


@dataclasses.dataclass
class Averages:
    """What a user's training might keep."""

    loss: float
    steps: dict[str, int]


class Scheduled:
    """Says its state by itself, as torch's schedulers do."""

    def __init__(self, steps):
        self.steps = steps

    def state_dict(self):
        return {"steps": self.steps, "rule": len}

    def load_state_dict(self, state):
        self.steps = state["steps"]
        assert state["rule"] is len


def values():
    """Return a value of each kind that a checkpoint keeps, by name."""
    return {
        "map": {3: {1, 2}, "x": None},
        "bounded": deque([(1.5, None)], maxlen=4),
        "array": np.arange(3),
        "complex array": np.array([1j, 2]),
        "tensor": torch.arange(4.0),
        "complex tensor": torch.tensor([1j, 2]),
        "scalar": np.float32(0.5),
        "inf": float("inf"),
        "text": "text",
        "bytes": b"\x00\xff",
        "complex": 1 + 2j,
        "frozenset": frozenset({1, 2}),
        "mixed": {1, "a", (2, 3), None},
        "pair": Pair(1, [2]),
        "default": defaultdict(list, {"a": [1]}),
        "counter": Counter("aab"),
        "ordered": OrderedDict(b=1, a=2),
        "averages": Averages(0.5, {"a": 1}),
        "scheduled": Scheduled(3),
    }


def through_a_file(folder, value, live):
    encoder = Encoder()
    form = encoder.encode(value, "value")
    files = Checkpoints(str(folder), 0)
    files.write(1, form, encoder.tensors, kept=1)
    form, tensors = files.read(1)
    return Decoder(tensors).decode(form, live), encoder.left


def test_every_kind_of_state_comes_back_as_what_it_was(tmp_path):
    live = values() | {"averages": Averages(0, {}), "scheduled": Scheduled(0)}
    back, left = through_a_file(tmp_path, values(), live)
    assert left == []
    for name, value in values().items():
        assert type(back[name]) is type(value), name
        if name == "scheduled":
            assert back[name].steps == 3
        elif isinstance(value, (np.ndarray, torch.Tensor)):
            assert (back[name] == value).all(), name
        else:
            assert back[name] == value, name
    assert back["bounded"].maxlen == 4
    assert back["default"]["new"] == []
    assert list(back["ordered"]) == ["b", "a"]


GENERATORS = {
    "Random": (lambda: random.Random(1), lambda g: g.random()),
    "Generator": (lambda: np.random.default_rng(1), lambda g: g.random()),
    "RandomState": (lambda: np.random.RandomState(1), lambda g: g.rand()),
    "torch": (
        lambda: torch.Generator().manual_seed(1),
        lambda g: torch.rand(1, generator=g).item(),
    ),
}


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_comes_back_where_it_was(tmp_path, name):
    make, draw = GENERATORS[name]
    generator = make()
    draw(generator)
    kept, _ = through_a_file(tmp_path, {"g": [generator]}, {})  # nothing is there yet
    live = make()
    again, _ = through_a_file(tmp_path, {"g": [generator]}, {"g": [live]})
    assert again["g"][0] is live
    expected = draw(generator)
    assert (draw(kept["g"][0]), draw(live)) == (expected, expected)


def test_what_cannot_be_kept_is_named_and_the_rest_is_kept(tmp_path):
    with open(__file__) as file:
        value = {"n": 1, "file": file, "rule": len, "deep": [threading.Lock()]}
        live = {"n": 0, "file": file, "rule": len, "deep": value["deep"]}
        back, left = through_a_file(tmp_path, value, live)
        assert back == value
    assert left == ["value.file (a TextIOWrapper)", "value.deep.0 (a lock)"]


class Part:
    pass


def test_two_names_of_a_tensor_stay_names_of_one(tmp_path):
    part = Part()
    part.one = part.other = torch.ones(3)
    state, live = {**vars(part)}, vars(part)
    part.one.zero_()
    state = {"one": torch.ones(3), "other": torch.ones(3)}
    back, _ = through_a_file(tmp_path, state, live)
    assert back["one"] is back["other"]
    assert back["one"].tolist() == [1, 1, 1]


def test_a_file_sets_nothing_but_state():
    """Else whoever wrote it chose where a node writes its weights."""
    part = Part()
    part.mine = 1
    set_attributes(part, {"mine": 2, "log_dir": "/elsewhere", "__class__": int})
    assert vars(part) == {"mine": 2}
    sharing = Sharing.__new__(Sharing)
    sharing.log_dir, sharing.communication_round = "here", 3
    assert sharing.state_dict() == {"communication_round": 3}
    sharing.load_state_dict({"log_dir": "/elsewhere", "communication_round": 4})
    assert vars(sharing) == {"log_dir": "here", "communication_round": 4}


class Decaying(Training):
    """A user's: its rate falls each round, and it keeps more than torch's state."""

    def __init__(self, *parts, **options):
        super().__init__(*parts, **options)
        self.schedule = ExponentialLR(self.optimizer, 0.5)
        self.noise, self.rates = np.random.RandomState(1), defaultdict(list)
        self.hooks, self.lock = {"rule": len, "calls": 0}, threading.Lock()

    def train(self, dataset):
        super().train(dataset)
        self.hooks["calls"] += 1
        self.rates["lr"].append(self.schedule.get_last_lr()[0])
        self.rates["noise"].append(self.noise.rand())
        self.schedule.step()


class Keeping(DPSGDNode):
    """Keeps its optimizer, whose rate a scheduler sets."""

    def cache_fields(self, *fields):
        super().cache_fields(*fields)
        self.reset_optimizer = 0


DECAYING = {
    "training_package": "tests.node.test_checkpoint",
    "training_class": "Decaying",
}


def test_a_users_training_goes_on_bit_by_bit(run_nodes, capsys):
    options = {"options": {"node_class": Keeping}, "TRAIN_PARAMS": DECAYING}
    whole, resumed = stopped_and_gone_on_with(run_nodes, Ring(3), **options)
    same(whole, resumed)
    for uid, node in whole.items():
        assert resumed[uid].trainer.rates == node.trainer.rates
        assert resumed[uid].trainer.hooks == node.trainer.hooks
        assert len(set(node.trainer.rates["lr"])) == ROUNDS
    told = capsys.readouterr().err
    assert "warning: checkpoints do not keep trainer.lock (a lock)\n" in told


@pytest.mark.parametrize("server", [None, FederatedParameterServer])
def test_extra_state_of_a_model_is_each_nodes_own_and_kept(run_nodes, server):
    """Neither averaged nor sent; a client keeps its own when the server's model comes."""
    options = {"node_class": DPSGDNode}
    if server:
        some = (str(run_nodes.folder), 20, 10, 1, 1.0)
        options = {"node_class": DPSGDNodeFederated, "service_class": server}
        options |= {"service_options": some}
    model = {"model_class": "Counting"}
    whole, resumed = stopped_and_gone_on_with(
        run_nodes, FullyConnected(3), options, DATASET=model
    )
    for uid, node in whole.items():
        steps = 2 * ROUNDS if uid >= 0 else 0
        expected = {"training": steps, "of": (2, "outputs")}
        assert node.model.calls == resumed[uid].model.calls == expected


def test_an_optimizer_with_a_closure_goes_on_bit_by_bit(run_nodes):
    lbfgs = {"optimizer_class": "LBFGS", "lr": 0.1, "max_iter": 3}
    kept = {"node_class": Keeping}
    parts = {"OPTIMIZER_PARAMS": lbfgs}
    same(*stopped_and_gone_on_with(run_nodes, Ring(3), kept, **parts))


class Forgetful(Training):
    """A user's that makes an attribute in its first round."""

    def train(self, dataset):
        super().train(dataset)
        self.calls = getattr(self, "calls", 0) + 1


def test_what_is_made_after_the_start_is_named_once(run_nodes, capsys):
    name = {**DECAYING, "training_class": "Forgetful"}
    run_nodes(Ring(3), rounds=3, RUN={"checkpoint_every": 1}, TRAIN_PARAMS=name)
    told = capsys.readouterr().err
    text = "warning: checkpoints do not keep trainer.calls (made after the start)\n"
    assert told == text


def test_what_differs_is_named():
    mine = {"protocol": 1, "[SHARING]": 7, "the round to start from": None}
    assert differences(mine, [1, 7, 3]) == []
    assert differences(mine, [1, 8, None]) == ["[SHARING]"]
    assert differences(mine, [1]) == ["protocol"]
    assert differences(mine, "nonsense") == []


def test_nodes_are_as_many_rounds_apart_as_hops():
    """Breaks when the checkpoints that nodes keep have no round in common."""
    drawn = [nx.gnp_random_graph(n, 0.3, seed=n) for n in range(1, 25)]
    connected = [graph for graph in drawn if nx.is_connected(graph)]
    assert len(connected) > 10
    for graph in (*connected, nx.path_graph(9), nx.star_graph(9)):
        assert max_round_lag(Graph.from_networkx(graph)) == nx.diameter(graph)
    assert max_round_lag(Graph(3)) == 3  # not connected
