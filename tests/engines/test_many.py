"""Breaks when rounds that are run at once differ from those of single nodes."""

import json
import re

import numpy as np
import pytest

from decentralizepy.results.read import read_runs
from decentralizepy.runs.example import example_of
from decentralizepy.runs.experiment import Experiment
from tests.support.alike import MODULE, SOFTMAX, assert_alike
from tests.support.launcher import run

GRAPHS = {
    "Star": {},
    "OnePeerExponential": {},  # directed, and another one in each round
    "BaseGraph": {"peers": "2"},  # with weights of its own
}
UNEVEN = {"partition_niid": "dirichlet", "alpha": "1"}
AT_ONCE = ("--engine", "packed", "--batched", "on", "--workers")


def graph(name):
    package = {"graph_package": f"decentralizepy.graphs.{name}", "graph_class": name}
    return {"GRAPH": {**package, **GRAPHS[name]}}


def logs(folder):
    return "".join(path.read_text() for path in sorted(folder.glob("*.log")))


@pytest.mark.processes
@pytest.mark.parametrize(
    ("name", "workers", "evaluate"),
    [("Star", "1", "all"), ("OnePeerExponential", "3", "2"), ("BaseGraph", "2", "all")],
)
@pytest.mark.slow
def test_rounds_at_once_end_within_rounding_of_those_of_single_nodes(
    experiment, tmp_path, name, workers, evaluate
):
    """Nodes have other numbers of samples, and so of steps, as they take whole epochs."""
    sections = {
        **SOFTMAX,
        **graph(name),
        "DATASET": SOFTMAX["DATASET"] | UNEVEN,
        "TRAIN_PARAMS": {"batch_size": "64", "full_epochs": "True", "rounds": "1"},
        "RUN": {"evaluate": evaluate},
    }
    for which, flags in (("off", ("--engine", "debug")), ("on", (*AT_ONCE, workers))):
        done = run([*experiment("IPC", 10, name=which, **sections), *flags])
        assert done.returncode == 0, done.stderr
    log = logs(tmp_path / "on")
    assert "round 10: " in log
    assert "not " not in log
    assert not (tmp_path / "on" / "0.log").exists()
    assert_alike(tmp_path)


@pytest.mark.processes
@pytest.mark.slow
def test_an_error_names_the_node_and_the_round_that_it_is_raised_in(experiment):
    """It fails for one class, and so in one of the first rounds."""
    sections = {
        **SOFTMAX,
        "TRAIN_PARAMS": {"loss_package": MODULE, "loss_class": "Broken"},
    }
    words = [*experiment("IPC", 9, **sections), "-tea", "9"]
    alone, together = (
        run([*words, "--overwrite", *flags])
        for flags in (("--engine", "debug"), (*AT_ONCE, "1"))
    )
    assert together.returncode == alone.returncode == 1
    assert "together.py" in together.stderr
    failed = re.compile(r"uid \d \(.*\) failed in round \d+")
    assert failed.search(together.stderr).group() == failed.search(alone.stderr).group()


@pytest.mark.processes
def test_a_model_that_becomes_nan_is_that_of_the_node_whose_training_did_it(experiment):
    sections = {**SOFTMAX, "OPTIMIZER_PARAMS": {"lr": "1e38"}}
    done = run([*experiment("IPC", 9, **sections), *AT_ONCE, "2"])
    assert done.returncode == 1
    assert re.search(
        r"uid \d: its own model has NaN or infinity after training in round \d",
        done.stderr,
    )


@pytest.mark.processes
def test_more_than_100_nodes_have_one_file_of_results_and_one_of_weights(
    experiment, tmp_path
):
    nodes = {"RUN": {"procs_per_machine": "101", "evaluate": "mean_model"}}
    words = experiment("IPC", 2, **SOFTMAX, **nodes)
    done = run([*words, *AT_ONCE, "2", "-ta", "1"])
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "run"
    assert not [*folder.glob("*_results.json")]
    models = np.load(folder / "weights" / "1_weights.npy")
    assert models.shape == (101, 64 * 10 + 10)
    (found,) = read_runs(folder)
    sent = found.metric("total_bytes")
    assert sent.shape == (2, 101)
    assert (sent.loc[2] > sent.loc[1]).all()
    final = json.loads((folder / "final.json").read_text())
    assert final["mean_model_acc"].keys() == {"1", "2"}
    apart = np.sqrt(np.square(models - models.mean(0)).sum(1).mean())
    assert final["consensus_distance"]["2"] == pytest.approx(apart, rel=1e-4)


@pytest.mark.processes
def test_what_only_single_nodes_can_do_is_done_by_them(experiment, tmp_path):
    done = run(
        [*experiment("IPC", 2, **SOFTMAX), *AT_ONCE, "2", "--checkpoint_every=1"]
    )
    assert done.returncode == 0, done.stderr
    reason = "checkpoints are those of single nodes"
    told = f"rounds are not run at once, but by each node: {reason}\n"
    assert logs(tmp_path / "run").count(told) == 1
    assert len([*(tmp_path / "run" / "checkpoints").iterdir()]) == 4


@pytest.mark.parametrize(
    ("sections", "cause"),
    [
        ({}, ""),
        (
            {
                "NODE": {
                    "node_package": "tests.support.debugged",
                    "node_class": "Lingering",
                }
            },
            "Lingering overrides gather",
        ),
        ({"FAULTS": {"on_peer_loss": "drop"}}, "[FAULTS] on_peer_loss = drop"),
        (
            {"SHARING": {"sharing_package": MODULE, "sharing_class": "Pulling"}},
            "Pulling ",
        ),
        (
            {"TRAIN_PARAMS": {"training_package": MODULE, "training_class": "Steady"}},
            "Steady ",
        ),
        (
            {
                "DATASET": {
                    "dataset_package": MODULE,
                    "dataset_class": "Points",
                    "model_class": "Linear",
                }
            },
            "Points ",
        ),
        ({"DATASET": {"feature_skew": "rotation"}}, "Digits changes the samples"),
        ({"OPTIMIZER_PARAMS": {"momentum": "0.9"}}, "SGD is not plain"),
    ],
    ids=[
        "none",
        "node",
        "faults",
        "sharing",
        "training",
        "dataset",
        "skew",
        "optimizer",
    ],
)
def test_what_stands_in_the_way_of_rounds_at_once_is_named(experiment, sections, cause):
    for section, options in sections.items():
        sections = {**sections, section: SOFTMAX.get(section, {}) | options}
    words = experiment("IPC", 9, **{**SOFTMAX, **sections})
    loaded = Experiment.load(words[words.index("run") + 1 :])
    _, obstacle = example_of(loaded.specs()[0])
    assert obstacle.startswith(cause)
    assert bool(obstacle) is bool(cause)
