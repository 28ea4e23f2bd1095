"""Breaks when the metrics of the final models are computed from the wrong models or numbers."""

import copy
import math
import os
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, strategies as st

from decentralizepy.errors import DataError
from decentralizepy.graphs.Graph import Graph
from decentralizepy.mappings.Linear import Linear
from decentralizepy.runs import final
from tests.support.toy import CONFIG, Linear as Model

VALUES = st.lists(st.integers(-9, 9).map(float), min_size=1, max_size=6)


def experiment(folder, count, served=False, **args):
    flags = {"server_rank": -1, "iterations": 8, "machine_id": 0, "test_after": 4}
    flags |= {"weights_store_dir": str(folder), "log_dir": str(folder), **args}
    (folder / "args.json").touch()
    return SimpleNamespace(
        args=SimpleNamespace(**flags),
        config=copy.deepcopy(CONFIG),
        mapping=Linear(1, count),
        graph=Graph(count),
        served=served,
        rounds_done=flags["iterations"],
    )


def write(folder, uid, change):
    """Write the weights of a node whose model ``change`` has been called with."""
    model = Model()
    with torch.no_grad():
        change(model)
    model.dump_weights(str(folder), uid, 7)


def filled(folder, values):
    """Write a model a value, all of whose ten numbers are that value."""
    for uid, value in enumerate(values):
        write(folder, uid, lambda m, v=value: [p.fill_(v) for p in m.parameters()])
    return [folder / f"7_weight_{uid}.pt" for uid in range(len(values))]


def separating(offset):
    """Return what makes a model tell classes by feature 0, and ``offset`` x feature 1."""

    def change(model):
        model.fc.bias.zero_()
        model.fc.weight.zero_()
        model.fc.weight[1, :2] = torch.tensor([1.0, offset])

    return change


def test_the_mean_of_two_bad_models_may_be_a_good_one(tmp_path):
    """Feature 0 tells the class; 50 and -50 times feature 1 cancel in the mean."""
    for uid, offset in enumerate((50.0, -50.0)):
        write(tmp_path, uid, separating(offset))
    one = {**final.measure(experiment(tmp_path, 1))}
    both = final.measure(experiment(tmp_path, 2))
    assert one["mean_model_acc"] < 70
    assert both["mean_model_acc"] == 100
    assert both["consensus_distance"] == 50
    assert one["consensus_distance"] == 0


def test_the_distance_by_hand(tmp_path):
    """0, 1 and 5 have the mean 2; of ten numbers each 4, 1 and 9 are the squares."""
    files = filled(tmp_path, [0.0, 1.0, 5.0])
    measured = final.measure(experiment(tmp_path, 3))
    assert measured["consensus_distance"] == pytest.approx(math.sqrt(10 * 14 / 3))
    assert {*final.mean_of(final.Saved(files))["fc.weight"].flatten().tolist()} == {2.0}


def test_a_servers_model_is_its_own_mean(tmp_path):
    write(tmp_path, -1, separating(0.0))
    filled(tmp_path, [3.0, 4.0])  # what clients may have left is not read
    measured = final.measure(experiment(tmp_path, 2, served=True))
    assert measured.keys() == {"mean_model_acc", "mean_model_loss"}
    assert measured["mean_model_acc"] == 100


def test_weights_that_lie_elsewhere_are_named(tmp_path):
    filled(tmp_path, [0.0, 1.0])
    with pytest.raises(DataError, match=r"this run of uid 2, 3, 4, 5, 6, \.\.\."):
        final.measure(experiment(tmp_path, 8))


def test_weights_of_an_earlier_run_are_no_weights_of_this_one(tmp_path):
    old, _ = filled(tmp_path, [0.0, 1.0])
    os.utime(old, (0, 0))
    with pytest.raises(DataError, match=r"of this run of uid 0$"):
        final.measure(experiment(tmp_path, 2))


def test_a_run_that_does_not_test_does_not_test_in_the_end(tmp_path):
    filled(tmp_path, [0.0, 2.0])
    measured = final.measure(experiment(tmp_path, 2, test_after=9))
    assert measured.keys() == {"consensus_distance"}


def test_whole_numbers_are_the_first_nodes(tmp_path):
    """BatchNorm's counter, and what a plug-in keeps in its state dict."""
    paths = [tmp_path / name for name in ("a", "b")]
    for number, path in enumerate(paths):
        state = {"count": torch.tensor(number), "run": torch.tensor(number / 1)}
        torch.save({**state, "text": str(number)}, path)
    mean = final.mean_of(final.Saved(paths))
    assert (mean["count"].item(), mean["run"].item(), mean["text"]) == (0, 0.5, "0")


@given(VALUES)
def test_the_mean_is_the_nearest_point(tmp_path_factory, values):
    """Distances to the mean are the least of all, and 0 for equal models alone."""
    files = filled(tmp_path_factory.mktemp("weights"), values)
    models, names = final.Saved(files), ["fc.weight", "fc.bias"]
    mean = final.mean_of(models)
    least = final.distance(models, mean, names)
    moved = {name: tensor + 0.5 for name, tensor in mean.items()}
    assert least <= final.distance(models, moved, names)
    assert (least == 0) == (len(set(values)) == 1)
