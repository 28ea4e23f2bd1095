"""Breaks when an engine ends with other weights, results or counters of bytes."""

import json
import re

import pytest
import torch

from benchmarks import bits
from decentralizepy.results.read import read_runs
from tests.support.alike import assert_same_weights
from tests.support.launcher import results, run, weights

pytestmark = pytest.mark.processes
MODULE = "tests.support.debugged"
DRAWING = {
    "TRAIN_PARAMS": {"training_package": MODULE, "training_class": "Drawing"},
    "DATASET": {"dataset_package": MODULE, "model_class": "Dropping"},
}
PARTS = 5
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
    engines = {"process": {}, "debug": {}, "packed": {"workers": "3"}}
    ours, debug, packed = (
        bits.run(
            bits.ROOT, names, tmp_path / name, engine=name, figures="off", **options
        )
        for name, options in engines.items()
    )
    assert bits.MISSING not in ours.values()
    assert ours == debug
    assert ours == packed


AS_PEOPLE_TRAIN = {
    "DATASET": {
        "dataset_package": "tests.support.together",
        "dataset_class": "Digits",
        "model_class": "Softmax",
    },
    "OPTIMIZER_PARAMS": {"weight_decay": "0.01", "decay_norm_and_bias": "false"},
    "TRAIN_PARAMS": {
        "clip_norm": "1",
        "crop_padding": "1",
        "horizontal_flip": "true",
        "loss_label_smoothing": "0.1",
    },
    "LR_SCHEDULER": {
        "scheduler_package": "torch.optim.lr_scheduler",
        "scheduler_class": "OneCycleLR",
        "max_lr": "0.5",
        "total_steps": "8",
        "interval": "step",
        "cycle_momentum": "false",
    },
}


@pytest.mark.slow
def test_schedules_clipping_and_augmentation_end_with_the_bits_of_processes(
    experiment, tmp_path
):
    """Nodes take two steps in each of four rounds."""
    for name in ("process", "packed 3"):
        words = experiment("IPC", 4, name=name, **AS_PEOPLE_TRAIN)
        done = run([*words, *ENGINES.get(name, ())])
        assert done.returncode == 0, done.stderr
    assert_same_weights(
        tmp_path / "packed 3" / "weights", tmp_path / "process" / "weights"
    )
    words = experiment("IPC", 5, name="longer", **AS_PEOPLE_TRAIN)
    done = run([*words, "--engine", "debug"])
    assert done.returncode == 2
    told = "[LR_SCHEDULER] scheduler_class = OneCycleLR: Tried to step 9 times"
    assert told in done.stderr


@pytest.mark.slow
def test_nodes_that_draw_end_with_the_bits_of_processes(experiment, tmp_path):
    """Dropout draws from torch's one generator, and the trainer from NumPy's."""
    both = {"process": (), **ENGINES}
    sections = {**DRAWING, "OBSERVER": {"nodes": "1"}}
    for name, flags in both.items():
        done = run([*experiment("IPC", 3, name=name, **sections), *flags])
        assert done.returncode == 0, done.stderr
        received = [
            (tmp_path / each / "observed" / "1" / "3.npz").read_bytes()
            for each in (name, "process")
        ]
        assert received[0] == received[1], "an observer's neighbors sent other bits"
    kinds = []
    for name in both:
        assert results(tmp_path / name) == results(tmp_path / "process")
        assert_same_weights(
            tmp_path / name / "weights", tmp_path / "process" / "weights"
        )
        log = (tmp_path / name / "1.log").read_text()
        kinds.append(re.findall(r"^\[.*?\](\[\w+\]\[\w+\])", log, re.M))
        assert "drawing in round 3 as uid 1" in log
        assert "as uid 2" not in log
    assert all(each == kinds[0] for each in kinds)


@pytest.mark.parametrize("wanted", ["2", "mean_model"])
@pytest.mark.slow
def test_engines_evaluate_the_same(experiment, tmp_path, wanted):
    """The same two nodes, or the mean of all with the same bits as that of the weights."""
    whole = run(experiment("IPC", 5, name="whole"))
    assert whole.returncode == 0, whole.stderr
    for name in ("process", "debug", "packed 3"):
        words = [*experiment("IPC", 5, name=name), *ENGINES.get(name, ())]
        done = run([*words, "-ta", "1", "--evaluate", wanted])
        assert done.returncode == 0, done.stderr
        assert results(tmp_path / name) == results(tmp_path / "process")
    tables = results(tmp_path / "process")
    final, expected = (
        json.loads((tmp_path / name / "final.json").read_text())
        for name in ("process", "whole")
    )
    tests = [*tables["0_results.json"]["mean_model_acc"]]
    if wanted == "2":
        tested = [{*table["test_acc"]} for table in tables.values()]
        for number in map(str, range(1, 6)):
            assert sum(number in each for each in tested) == 2
        assert tests == ["5"]
    else:
        assert not any(table["test_acc"] for table in tables.values())
        assert tests == ["1", "2", "3", "4", "5"]
        assert not (tmp_path / "process" / "models").exists()
    for name in ("mean_model_acc", "mean_model_loss", "consensus_distance"):
        assert final[name]["5"] == expected[name]["5"]
    (found,) = read_runs(tmp_path / "process")  # from the nodes' sketches
    assert found.metric("consensus_distance")["all nodes"][5] == pytest.approx(
        final["consensus_distance"]["5"], rel=0.5
    )


@pytest.mark.slow
def test_a_mean_model_is_tested_once_after_a_resume(experiment, tmp_path):
    flags = ("-ta", "2", "--evaluate", "mean_model")
    whole = run([*experiment("IPC", 8, name="whole"), *flags])
    assert whole.returncode == 0, whole.stderr
    for rounds, engine in ((6, "packed 3"), (8, "debug")):
        words = [*experiment("IPC", rounds, name="parts"), *ENGINES[engine], *flags]
        words += ["--checkpoint_every", "4"]
        if rounds > 6:  # from the checkpoint after round 4; round 6 is tested again
            words += ["--resume", str(tmp_path / "parts")]
        done = run(words)
        assert done.returncode == 0, done.stderr
    ours, theirs = (
        json.loads((tmp_path / name / "final.json").read_text())
        for name in ("parts", "whole")
    )
    assert ours == theirs


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
    assert results(tmp_path / "parts") == results(tmp_path / "whole")
