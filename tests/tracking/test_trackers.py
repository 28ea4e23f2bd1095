"""Breaks when a tracker does not get what a run measured."""

import sys

import pandas as pd
import pytest

import decentralizepy as dp
from decentralizepy.errors import DecentralizepyError
from tests.support.launcher import NODES, make_experiment

ROUNDS = 2
MANIFEST = {
    "command": "decentralizepy run a.ini",
    "configuration": {"SHARING": {"a": 1}},
}
ROWS = {0: {"test_acc": 40.0, "lost_peers": [1]}, 1: {"test_acc": 60.0, "x": None}}


def tracking(name):
    package = f"decentralizepy.tracking.{name}"
    return {"tracking_package": package, "tracking_class": name}


@pytest.fixture
def run(tmp_path):
    """Return a function that runs two rounds with a tracker."""

    def run(name):
        make_experiment(tmp_path)(comm="IPC")
        return dp.run(
            tmp_path / "run.ini",
            engine="debug",
            iterations=ROUNDS,
            test_after=ROUNDS,
            log_dir=tmp_path / "log",
            tracking=tracking(name),
        )

    return run


def test_csv_has_a_line_for_each_value(run):
    found = run("CSV")
    frame = pd.read_csv(found.log_dir / "metrics.csv")
    numbers = frame[frame["metric"] == "test_acc"]
    assert sorted(numbers["node"].astype(int)) == [*range(NODES)]
    mean = numbers["value"].astype(float).mean()
    assert mean == pytest.approx(found.spread("test_acc")["mean"].loc[ROUNDS])
    last = frame[frame["node"] == "all"].set_index("metric")["value"]
    assert float(last["mean_model_acc"]) == found.final["mean_model_acc"]


def test_parquet_has_a_row_for_each_node_and_round(run):
    pytest.importorskip("pyarrow")
    found = run("Parquet")
    frame = pd.read_parquet(found.log_dir / "metrics.parquet")
    frame = frame.set_index(["node", "round"]).sort_index()
    assert len(frame) == NODES * ROUNDS
    assert frame["train_loss"].tolist() == found.metrics["train_loss"].tolist()


def tell(callback):
    """Pass the events of a run of one round to a callback."""
    callback.on_run_start(MANIFEST)
    callback.on_round_end(1, ROWS)
    callback.on_evaluation(1, {"mean model": {"mean_model_acc": 55.0}})
    callback.on_run_end("done", {"consensus_distance": 0.5})


def test_tensorboard_gets_means_over_nodes(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from decentralizepy.tracking.TensorBoard import TensorBoard

    tell(TensorBoard(tmp_path))
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    found = {tag: events.Scalars(tag)[0].value for tag in events.Tags()["scalars"]}
    assert found == {
        "test_acc": 50.0,
        "min_test_acc": 40.0,
        "mean_model_acc": 55.0,
        "consensus_distance": 0.5,
    }


def test_mlflow_gets_the_configuration_and_means_over_nodes(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # others need a database
    mlflow = pytest.importorskip("mlflow")
    from decentralizepy.tracking.MLflow import MLflow

    uri = f"file://{tmp_path}/mlruns"
    tell(MLflow(tmp_path, uri=uri))
    (found,) = mlflow.search_runs(
        experiment_names=["decentralizepy"], output_format="list"
    )
    assert found.data.params == {"SHARING.a": "1"}
    assert found.data.metrics["test_acc"] == 50.0
    assert found.info.status == "FINISHED"


def test_wandb_writes_a_run_without_a_network(tmp_path):
    pytest.importorskip("wandb")
    from decentralizepy.tracking.WandB import WandB

    tell(WandB(tmp_path))
    (file,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    content = file.read_bytes()
    assert b"consensus_distance" in content
    assert b"min_test_acc" in content


def test_a_library_that_is_missing_is_told_before_the_run(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "decentralizepy.tracking.WandB", raising=False)
    monkeypatch.setitem(sys.modules, "wandb", None)
    make_experiment(tmp_path)(comm="IPC")
    with pytest.raises(dp.ConfigError, match="WandB"):
        dp.run(tmp_path / "run.ini", tracking=tracking("WandB"), log_dir=tmp_path / "a")
    assert not (tmp_path / "a").exists()


OWN = '''
"""A callback of a user's own."""
from decentralizepy.tracking.Callback import Callback

class Own(Callback):
    def __init__(self, log_dir, factor: int = 1):
        super().__init__(log_dir)
        self.factor = factor

    def on_round_end(self, number, rows):
        print(f"own: round {number}, {len(rows) * self.factor}")
        if number == 2:
            raise KeyError("mine")
'''


def test_a_callback_that_raises_is_told_and_the_run_goes_on(tmp_path, capsys):
    (tmp_path / "own.py").write_text(OWN)
    section = {"tracking_package": "own", "tracking_class": "Own", "factor": 2}
    make_experiment(tmp_path)(comm="IPC")
    log = tmp_path / "log"
    flags = {"engine": "debug", "iterations": 4, "log_dir": log}
    with pytest.raises(DecentralizepyError, match="so tracking is incomplete") as error:
        dp.run(tmp_path / "run.ini", tracking=section, **flags)
    assert error.value.exit_status == 1
    said = capsys.readouterr()
    first = said.err.splitlines()[0]
    assert first == f"{tmp_path / 'own.py'}:13: in on_round_end: KeyError: 'mine'"
    told = [line for line in said.out.splitlines() if line.startswith("own:")]
    assert told == ["own: round 1, 8", "own: round 2, 8"]
    assert len(dp.load(log).metric("train_loss")) == 4
