"""Breaks when machines with different code or data are accepted as one run."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from decentralizepy.config.checks import Parts
from decentralizepy.datasets.Data import Data
from decentralizepy.datasets.Digits import Digits
from decentralizepy.datasets.Partitioner import Partition
from decentralizepy.factory import Part
from decentralizepy.mappings.Linear import Linear
from decentralizepy.runs import fingerprint
from decentralizepy.runs.fingerprint import SAMPLED, of_data, of_source
from tests.support.toy import Points

PLUG_IN = """
import torch
from {name}_helper import scale

class Net(torch.nn.Module):
    def forward(self, x):
        return scale(x)
"""


@pytest.fixture
def plug_in(tmp_path, monkeypatch):
    """Return a function that writes and imports a plug-in of two modules."""
    monkeypatch.syspath_prepend(tmp_path)
    written = []

    def plug_in(factor, end=""):
        name = f"a_plug_in_of_tests_{len(written)}"
        written.append(name)
        helper = f"def scale(x):\n    return {factor} * x\n"
        (tmp_path / f"{name}_helper.py").write_text(helper)
        (tmp_path / f"{name}.py").write_text(PLUG_IN.format(name=name) + end)
        module = __import__(name)
        return module, module.Net

    yield plug_in
    for name in written:
        for each in (name, f"{name}_helper"):
            sys.modules.pop(each, None)


def test_the_source_of_a_plug_in_counts_with_what_it_imports(plug_in):
    module, net = plug_in(2)
    before = of_source([net])
    assert of_source([net, torch.optim.SGD, Digits]) == before
    for file in (module.__file__, sys.modules[f"{module.__name__}_helper"].__file__):
        with open(file, "a") as source:
            source.write("# another text\n")
        after = of_source([net])
        assert after != before
        before = after


def test_a_class_counts_by_its_parents_too(plug_in):
    _, net = plug_in(2)
    child = type("Child", (net,), {"__module__": "torch"})
    assert of_source([child]) == of_source([net]) != of_source([])


def digits(uid, machines=4, **options):
    return Digits(uid, 0, Linear(1, machines), **options)


def test_all_parts_of_the_same_data_have_the_same_digest():
    whole = of_data(digits(0), "trainset")
    assert whole == of_data(digits(3), "trainset") is not None
    assert whole == of_data(digits(1, feature_skew="rotation"), "trainset")
    assert whole != of_data(digits(0), "testset")


@pytest.mark.parametrize("axis", ["x", "y"])
def test_one_other_sample_of_another_node_is_seen(axis):
    dataset = digits(0)
    digests = set()
    for change in (0, 1):
        data = Data(np.arange(8.0), np.arange(8))
        getattr(data, axis)[7] += change
        dataset.trainset = Partition(data, [0, 1])
        digests.add(of_data(dataset, "trainset"))
    assert len(digests) == 2


def test_large_arrays_are_sampled_to_the_end():
    rows = np.zeros((3, SAMPLED // 4), dtype=np.int32)
    dataset = digits(0)
    dataset.testset = Data(rows, rows[:1])
    before = of_data(dataset, "testset")
    rows[0, 0] = 1
    assert of_data(dataset, "testset") != before


def test_data_that_may_differ_between_machines_are_not_compared():
    assert of_data(digits(0, only_local=True), "trainset") is None
    one, other = (Points(uid, 0, Linear(1, 2)) for uid in (0, 1))
    assert of_data(one, "testset") is None  # which may be this node's alone
    assert of_data(one, "trainset", other) is None
    for each in (one, other):
        each.only_local = True
    assert of_data(one, "testset", other) is None


def test_of_a_users_data_labels_and_shapes_count_if_nodes_have_the_same():
    """Its floats may differ in their last bits between CPUs."""

    def digest(change):
        nodes = [Points(uid, 0, Linear(1, 2)) for uid in (0, 1)]
        for each in nodes:
            change(each.testset)
        return of_data(nodes[0], "testset", nodes[1])

    same = digest(lambda data: None)
    assert same is not None
    assert same == digest(lambda data: data.x.mul_(1 + 1e-6))
    assert same != digest(lambda data: data.y.sub_(1))
    assert same != digest(lambda data: setattr(data, "x", data.x[:, :3]))


class Told(Points):
    """Its nodes only have parts, but it says what they are parts of."""

    factor = 1

    def whole(self, name):
        if name == "trainset":
            return TensorDataset(self.factor * torch.arange(4.0), torch.arange(4))
        return super().whole(name)


def test_all_that_a_users_whole_returns_counts():
    told = Told(0, 0, Linear(1, 2))
    before = of_data(told, "trainset")
    assert before == of_data(Told(1, 0, Linear(1, 2)), "trainset") is not None
    told.factor = 1 + 1e-6
    assert of_data(told, "trainset") != before


def experiment_of(dataset, machines, served=False):
    args = SimpleNamespace(
        reset_optimizer=1,
        working_rate=0.25,
        target_accuracy=0.0,
        machines=machines,
        machine_id=0,
    )
    sections = {"DATASET": Part(type(dataset), {})}
    return SimpleNamespace(
        args=args,
        ranks=[-1, 0, 1],
        served=served,
        mapping=Linear(machines, 2),
        parts=Parts(sections, Points),
        config={"TRAIN_PARAMS": {}},
        node_class=None,
        service_class=None,
    )


def test_the_rate_of_workers_counts_where_there_is_a_server():
    node = Points(1, 0, Linear(2, 2))
    alone = fingerprint.take(experiment_of(node, 1), node)
    assert alone["--working_rate"] is alone["test data"] is None
    served = fingerprint.take(experiment_of(node, 2, served=True), node)
    assert served["--working_rate"] == 250_000_000
    assert served["test data"] is not None


def test_another_version_of_the_package_is_seen(tmp_path, monkeypatch):
    (tmp_path / "node").mkdir()
    source = tmp_path / "node" / "rounds.py"
    monkeypatch.setattr("decentralizepy.__path__", [str(tmp_path)])
    digests = set()
    for text in (b"x = 1\n", b"x = 1\r\n", b"x = 2\n"):
        source.write_bytes(text)
        digests.add(fingerprint.of_package())
    assert len(digests) == 2  # line ends are no difference
