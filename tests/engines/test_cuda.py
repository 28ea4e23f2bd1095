"""Breaks when nodes that train on a GPU differ between engines, or after a resume."""

import json

import pytest
import torch

from tests.support.launcher import results, run, weights

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
MODULE = "tests.support.debugged"
GPU = {
    "TRAIN_PARAMS": {"device": "cuda"},
    "DATASET": {"dataset_package": MODULE, "model_class": "Dropping"},
    "OPTIMIZER_PARAMS": {"optimizer_class": "Adam", "lr": "0.05"},
}
ENGINES = {
    "process": (),
    "debug": ("--engine", "debug"),
    "packed": ("--engine", "packed", "--workers", "2"),
}


def same(ours, theirs):
    assert results(ours) == results(theirs)
    ours, theirs = (weights(folder / "weights") for folder in (ours, theirs))
    assert theirs
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert not any(tensor.is_cuda for tensor in ours.values())


def test_engines_end_with_the_same_bits(experiment, tmp_path):
    """Dropout on a GPU draws from the one generator that all nodes of a process share."""
    for name, flags in ENGINES.items():
        done = run([*experiment("IPC", 4, name=name, **GPU), *flags])
        assert done.returncode == 0, done.stderr
        same(tmp_path / name, tmp_path / "process")


def test_a_run_resumes_with_the_bits_of_an_unbroken_one(experiment, tmp_path):
    assert run(experiment("IPC", 6, name="whole", **GPU)).returncode == 0
    for rounds in (3, 6):
        words = experiment("IPC", rounds, name="parts", **GPU)
        words += ["--checkpoint_every", "3"]
        if rounds > 3:
            words += ["--resume", str(tmp_path / "parts")]
        done = run(words)
        assert done.returncode == 0, done.stderr
    same(tmp_path / "parts", tmp_path / "whole")


def test_a_gpu_trains_the_model_that_a_cpu_trains(experiment, tmp_path):
    """Without dropout, whose numbers differ; up to the order of sums."""
    for device in ("cpu", "auto"):
        section = {"TRAIN_PARAMS": {"device": device}}
        flags = ["--evaluate", "mean_model"]
        done = run([*experiment("IPC", 6, name=device, **section), *flags])
        assert done.returncode == 0, done.stderr
    ours, theirs = (weights(tmp_path / name / "weights") for name in ("auto", "cpu"))
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-5) for name in theirs)
    ours, theirs = (
        json.loads((tmp_path / name / "final.json").read_text())
        for name in ("auto", "cpu")
    )
    assert ours["mean_model_acc"] == theirs["mean_model_acc"]
    assert ours["mean_model_loss"] == pytest.approx(theirs["mean_model_loss"], rel=1e-4)


def test_a_missing_gpu_is_one_line(experiment):
    done = run(experiment("IPC", 2, TRAIN_PARAMS={"device": "cuda:99"}))
    assert done.returncode == 2
    assert "[TRAIN_PARAMS] device = cuda:99: there is cuda:0" in done.stderr
