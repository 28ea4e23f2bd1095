"""Breaks when an engine ends with other weights, results or counters of bytes."""

import re

import pytest
import torch

from benchmarks import bits
from tests.support.launcher import results, run, weights

pytestmark = pytest.mark.processes
MODULE = "tests.support.debugged"
DRAWING = {
    "TRAIN_PARAMS": {"training_package": MODULE, "training_class": "Drawing"},
    "DATASET": {"dataset_package": MODULE, "model_class": "Dropping"},
}
PARTS = 13
ENGINES = {
    "debug": ("--engine", "debug"),
    "packed 1": ("--engine", "packed", "--workers", "1"),
    "packed 3": ("--engine", "packed", "--workers", "3"),
}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_every_class_ends_with_the_bits_of_processes(tmp_path, part):
    """For each class of node, sharing and graph, and each codec."""
    names = list(bits.CONFIGURATIONS)[part::PARTS]
    ours = bits.run(bits.ROOT, names, tmp_path / "process", engine="process")
    assert bits.MISSING not in ours.values()
    debug = bits.run(bits.ROOT, names, tmp_path / "debug", engine="debug")
    assert ours == debug
    packed = bits.run(
        bits.ROOT, names, tmp_path / "packed", engine="packed", workers="3"
    )
    assert ours == packed


@pytest.mark.slow
def test_nodes_that_draw_end_with_the_bits_of_processes(experiment, tmp_path):
    """Dropout draws from torch's one generator, and the trainer from NumPy's."""
    both = {"process": (), **ENGINES}
    for name, flags in both.items():
        done = run([*experiment("IPC", 3, name=name, **DRAWING), *flags])
        assert done.returncode == 0, done.stderr
    kinds = []
    for name in both:
        assert results(tmp_path / name) == results(tmp_path / "process")
        ours, theirs = (
            weights(tmp_path / each / "weights") for each in (name, "process")
        )
        assert ours.keys() == theirs.keys() != set()
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
        log = (tmp_path / name / "1.log").read_text()
        kinds.append(re.findall(r"^\[.*?\](\[\w+\]\[\w+\])", log, re.M))
        assert "drawing in round 3 as uid 1" in log
        assert "as uid 2" not in log
    assert all(each == kinds[0] for each in kinds)


@pytest.mark.slow
def test_a_run_is_resumed_by_another_engine(experiment, tmp_path):
    assert run(experiment("IPC", 6, name="whole", **DRAWING)).returncode == 0
    for rounds, name in ((2, "packed 3"), (4, "debug"), (6, None)):
        words = experiment("IPC", rounds, name="parts", **DRAWING)
        words += [*ENGINES.get(name, ()), "--checkpoint_every", "2"]
        if rounds > 2:
            words += ["--resume", str(tmp_path / "parts")]
        done = run(words)
        assert done.returncode == 0, done.stderr
    ours, theirs = (weights(tmp_path / name / "weights") for name in ("parts", "whole"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
