"""Breaks when machines with different code or data are accepted as one run."""

import sys

import numpy as np
import pytest
import torch

from decentralizepy.datasets.Data import Data
from decentralizepy.datasets.Digits import Digits
from decentralizepy.datasets.Partitioner import Partition
from decentralizepy.mappings.Linear import Linear
from decentralizepy.run import fingerprint
from decentralizepy.run.fingerprint import SAMPLED, of_data, of_source
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
    points = Points(0, 0, Linear(1, 2))
    assert of_data(points, "testset") is None
    assert of_data(digits(0, only_local=True), "trainset") is None


def test_another_version_of_the_package_is_seen(tmp_path, monkeypatch):
    (tmp_path / "node").mkdir()
    source = tmp_path / "node" / "rounds.py"
    monkeypatch.setattr("decentralizepy.__path__", [str(tmp_path)])
    digests = set()
    for text in (b"x = 1\n", b"x = 1\r\n", b"x = 2\n"):
        source.write_bytes(text)
        digests.add(fingerprint._of_package())
    assert len(digests) == 2  # line ends are no difference
