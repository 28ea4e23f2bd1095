"""Breaks when a script written for DecentralizePy no longer runs unchanged."""

import configparser
import importlib
import json
import subprocess
import sys

import pytest
import torch

from decentralizepy.config import checks, ini
from decentralizepy.datasets.stand_in import cifar10
from decentralizepy.graphs.Ring import Ring
from decentralizepy.runs.experiment import Experiment
from tests.support import LIMIT_S, ROOT
from tests.support.ports import free_offset
from tests.support.toy import CONFIG

NODES, ROUNDS = 4, 4

NAMES = """
communication.Communication: Communication
communication.TCP: TCP
communication.TCP_ACK: TCP
compression.Compression: Compression
compression.Elias: Elias
compression.EliasFpzip: EliasFpzip
compression.EliasFpzipLossy: EliasFpzipLossy
compression.EliasQuantization: EliasQuantization
compression.Lz4Wrapper: Lz4Wrapper
compression.Quantization: Quantization
datasets.CIFAR10: CIFAR10 CNN LeNet ResNet8 BasicBlock
datasets.Celeba: Celeba CNN
datasets.Femnist: Femnist LogisticRegression CNN RNET
datasets.MovieLens: MovieLens MatrixFactorization
datasets.Reddit: Reddit RNN
datasets.Shakespeare: Shakespeare LSTM
datasets.text.AmazonReview: AmazonReview BERT MobileBERT
datasets.text.LLMData: LLMData
node.KFN: KFN
training.text.LLMTraining: LLMTraining
datasets.Data: Data
datasets.Dataset: Dataset
datasets.Partitioner: Partition DataPartitioner SimpleDataPartitioner
datasets.Partitioner: KShardDataPartitioner DirichletDataPartitioner
graphs.FullyConnected: FullyConnected
graphs.Graph: Graph
graphs.Regular: Regular
graphs.Ring: Ring
graphs.SmallWorld: SmallWorld
graphs.Star: Star
mappings.Linear: Linear
mappings.Manual: Manual
mappings.Mapping: Mapping
models.Model: Model
models.Resnet: BasicBlock Bottleneck conv1x1 conv3x3
node.DPSGDNode: DPSGDNode
node.DPSGDNodeFederated: DPSGDNodeFederated
node.DPSGDWithPeerSampler: DPSGDWithPeerSampler
node.EpidemicLearning.EL_Local: EL_Local
node.EpidemicLearning.EL_Local_Timeout: EL_Local
node.EpidemicLearning.EL_Oracle_Client: EL_Oracle_Client
node.EpidemicLearning.EL_Oracle_TopologyBuilder: EL_Oracle_TopologyBuilder
node.FederatedParameterServer: FederatedParameterServer
node.KNN: KNN
node.Node: Node
node.OverlayNode: OverlayNode
node.PeerSampler: PeerSampler
node.PeerSamplerDynamic: PeerSamplerDynamic
node.STC.STCClient: STCClient
node.STC.STCServer: STCServer
sharing.Choco: Choco
sharing.JWINS.FFT: FFT
sharing.JWINS.JWINS: JWINS
sharing.JWINS.Wavelet: Wavelet
sharing.PartialModel: PartialModel
sharing.PlainAverageSharing: PlainAverageSharing
sharing.STC: STC
sharing.Sharing: Sharing
sharing.SubSampling: SubSampling
training.Training: Training
utils: get_args write_args conditional_value remove_keys identity
"""


@pytest.mark.parametrize("line", NAMES.strip().splitlines())
def test_upstreams_names_import(line):
    path, names = line.split(": ")
    module = importlib.import_module(f"decentralizepy.{path}")
    assert all(callable(getattr(module, name, None)) for name in names.split())


TUTORIAL = """
[DATASET]
dataset_package = decentralizepy.datasets.CIFAR10
dataset_class = CIFAR10
model_class = LeNet
train_dir = {data}
test_dir = {data}
; python list of fractions below
sizes =
random_seed = 90
partition_niid = iid
validation_source = Test
validation_size = 0.1

[OPTIMIZER_PARAMS]
optimizer_package = torch.optim
optimizer_class = SGD
lr = 0.01

[TRAIN_PARAMS]
training_package = decentralizepy.training.Training
training_class = Training
rounds = 3
full_epochs = False
batch_size = 8
shuffle = True
loss_package = torch.nn
loss_class = CrossEntropyLoss

[COMMUNICATION]
comm_package = decentralizepy.communication.TCP
comm_class = TCP
addresses_filepath = tutorial/ip.json

[SHARING]
sharing_package = decentralizepy.sharing.Sharing
sharing_class = Sharing
compress = False
"""


@pytest.fixture
def tutorial(tmp_path):
    """Return the path of upstream's tutorial INI, its data a small stand-in."""
    cifar10.write(tmp_path, train=50, test=10, seed=1)
    path = tmp_path / "config.ini"
    path.write_text(TUTORIAL.format(data=tmp_path))
    return path


def test_the_keys_of_the_tutorial_are_known(tutorial):
    checks.check(ini.read(tutorial), tutorial)


def test_the_flags_of_the_tutorial_are_known(tutorial, tmp_path):
    flags = f"-ro 0 -tea 20 -ld {tmp_path}/logs -mid 0 -ps 16 -ms 1 -is 80 -ta 20"
    flags += f" -gf tutorial/regular_16.txt -cf {tutorial} -ll INFO -gt edges"
    flags += f" -wsd {tmp_path}/weights -sm 0 -sr -1 -wr 0.5"
    experiment = Experiment.load(flags.split())
    assert experiment.ranks == list(range(16))
    assert experiment.args.working_rate == 0.5
    assert experiment.config["TRAIN_PARAMS"]["batch_size"] == 8


@pytest.fixture(scope="module")
def launch(tmp_path_factory):
    """Return a function that runs foreign code in processes, and returns what it left."""

    def launch(node_class="DPSGDNode", **sharing):
        folder = tmp_path_factory.mktemp(node_class)
        path = folder / "config.ini"
        write_config(path, sharing)
        arguments = [node_class, str(path), str(folder), str(NODES), str(ROUNDS)]
        done = subprocess.run(
            [sys.executable, "-m", "tests.support.foreign", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
        assert done.returncode == 0, done.stderr
        assert not done.stderr
        return tables(folder), weights(folder)

    return launch


def write_config(path, sharing):
    (path.parent / "ip.json").write_text('{"0": "localhost"}')
    config = configparser.ConfigParser()
    config.read_dict(CONFIG)
    config["COMMUNICATION"] = {
        "comm_package": "decentralizepy.communication.TCP",
        "comm_class": "TCP",
        "addresses_filepath": str(path.parent / "ip.json"),
        "offset": str(free_offset(2 * NODES)),
    }
    config.read_dict({"SHARING": sharing})
    with path.open("w") as file:
        config.write(file)


def tables(folder):
    """Return the nodes' results, by rank."""
    paths = [folder / f"{rank}_results.json" for rank in range(NODES)]
    return [json.loads(path.read_text()) for path in paths]


def weights(folder):
    """Return the nodes' final weights, each as one vector, by uid."""
    paths = [folder / f"{ROUNDS - 1}_weight_{uid}.pt" for uid in range(NODES)]
    states = [torch.load(path, weights_only=True) for path in paths]
    return [torch.cat([v.flatten() for v in state.values()]) for state in states]


@pytest.fixture(scope="module")
def expected(launch):
    """Return what DPSGDNode leaves."""
    return launch()


@pytest.mark.processes
def test_nodes_are_processes_that_anyone_may_start(expected):
    """As ``mp.Process(target=DPSGDNode, args=[...])``, without this package's launcher."""
    for table in expected[0]:
        assert set(table["test_acc"]) == {"2", "4"}
        assert table["test_acc"]["4"] > 50
        assert set(table["train_loss"]) == {"1", "2", "3", "4"}


@pytest.mark.processes
def test_a_driver_written_as_the_public_ones_runs(expected, tmp_path):
    """It reads the INI file with localconfig, and starts the processes by itself."""
    folder = tmp_path / "run"
    folder.mkdir()
    write_config(folder / "config.ini", {})
    graph = tmp_path / "ring.edges"
    Ring(NODES).write_graph_to_file(graph)
    flags = f"-mid 0 -ps {NODES} -ms 1 -ld {folder} -wsd {folder} -is {ROUNDS} -ta 2"
    flags += f" -tea 1 -ro 1 -ll INFO -gt edges -gf {graph} -cf {tmp_path}/config.ini"
    (folder / "config.ini").rename(tmp_path / "config.ini")
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.public_driver", *flags.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stderr
    for ours, theirs in zip(expected[1], weights(folder), strict=True):
        assert torch.equal(ours, theirs), "not the bits of a launch by this package"
    assert json.loads((folder / "args.json").read_text())["iterations"] == ROUNDS


@pytest.mark.processes
@pytest.mark.parametrize("node_class", ["OwnLoop", "OwnFields", "SecondThread"])
@pytest.mark.slow
def test_a_foreign_node_learns_the_same_to_the_bit(launch, expected, node_class):
    results, final = launch(node_class)
    metrics = ["test_acc", "test_loss", "train_loss"]
    # one says more, and one greets without what it is made from
    if node_class not in ("SecondThread", "OwnLoop"):
        metrics.append("total_bytes")
    for ours, theirs in zip(expected[0], results, strict=True):
        assert [theirs[name] for name in metrics] == [ours[name] for name in metrics]
    for ours, theirs in zip(expected[1], final, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.processes
def test_a_foreign_sharing_averages_as_ours(launch, expected):
    names = {"sharing_package": "tests.support.foreign", "sharing_class": "OwnSharing"}
    _, final = launch(**names)
    for ours, theirs in zip(expected[1], final, strict=True):
        torch.testing.assert_close(theirs, ours)
