"""How far two runs may differ: not at all, or only in how sums are rounded."""

import pytest
import torch

from tests.support.launcher import results, weights

MODULE = "tests.support.together"
SOFTMAX = {
    "DATASET": {
        "dataset_package": MODULE,
        "dataset_class": "Digits",
        "model_class": "Softmax",
    },
    "TRAIN_PARAMS": {"batch_size": "8"},
}


def assert_same_weights(ours, theirs):
    """Check that two folders have weights, and that these have the same bits."""
    ours, theirs = weights(ours), weights(theirs)
    assert ours.keys() == theirs.keys() != set(), ours.keys() ^ theirs.keys()
    for key in theirs:
        assert torch.equal(ours[key], theirs[key]), key


def assert_alike(tmp_path, equal=False, names=("on", "off")):
    """Check weights to 1e-5 of their norm, counters exactly, and measurements."""
    ours, theirs = (weights(tmp_path / name / "weights") for name in names)
    assert ours.keys() == theirs.keys() != set()
    moved = {key for key in ours if not torch.equal(ours[key], theirs[key])}
    assert bool(moved) is not equal
    for key in moved:
        distance = (ours[key] - theirs[key]).norm()
        assert distance <= 1e-5 * theirs[key].norm(), key
    tables, expected = (results(tmp_path / name) for name in names)
    assert tables.keys() == expected.keys()
    for name, table in expected.items():
        assert tables[name].keys() == table.keys()
        for metric, values in table.items():
            if "bytes" in metric or "total" in metric:
                assert tables[name][metric] == values
            elif metric == "sketch":
                for number, row in values.items():
                    assert tables[name][metric][number] == pytest.approx(row, abs=1e-4)
            else:
                assert tables[name][metric] == pytest.approx(values, rel=1e-4)
