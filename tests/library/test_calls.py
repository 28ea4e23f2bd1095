"""Breaks when a script cannot run experiments, or read what they measured."""

import pytest
import torch

import decentralizepy as dp
from tests.support import ROOT
from tests.support.launcher import NODES, make_experiment
from tests.support.outside import python

ROUNDS = 3


def script(text):
    """Run a script, and return what it prints."""
    done = python(ROOT, "-c", text)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def file(tmp_path):
    """Return a function that writes an INI file, and returns its path."""

    def file(**sections):
        make_experiment(tmp_path)(comm="IPC", **sections)
        return tmp_path / "run.ini"

    return file


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of the toy in this process."""
    folder = tmp_path_factory.mktemp("library")
    make_experiment(folder)(comm="IPC")
    return dp.run(
        folder / "run.ini",
        engine="debug",
        seed=5,
        iterations=ROUNDS,
        test_after=ROUNDS,
        log_dir=folder / "log",
        optimizer_params={"lr": 0.1},
    )


def test_what_was_measured_is_a_frame_of_nodes_and_rounds(run):
    frame = run.metrics
    assert frame.index.names == ["node", "round"]
    assert [*frame.index.levels[0]] == [*range(NODES)]
    assert frame.loc[(2, 1), "train_loss"] > 0
    assert frame.xs(ROUNDS, level="round")["test_acc"].notna().all()
    assert frame.xs(1, level="round")["test_acc"].isna().all()
    last = run.spread("test_acc")["mean"].loc[ROUNDS]
    assert last == pytest.approx(frame["test_acc"].mean())
    assert run.metric("train_loss").shape == (ROUNDS, NODES)
    assert 0 <= run.final["mean_model_acc"] <= 100


def test_a_misspelt_metric_is_told_with_the_nearest(run):
    with pytest.raises(
        dp.ConfigError, match=r"no metric tst_acc; did you mean test_acc\?"
    ):
        run.metric("tst_acc")


def test_a_run_tells_its_outcome_and_its_resolved_configuration(run):
    assert run.outcome == "done"
    assert run.config["OPTIMIZER_PARAMS"]["lr"] == 0.1
    assert run.config["OPTIMIZER_PARAMS"]["momentum"] == 0  # the default
    assert run.config["DATASET"]["random_seed"] == 5


def test_the_graph_is_one_of_networkx(run):
    assert sorted(run.graph.edges) == [(0, 1), (0, 3), (1, 2), (2, 3)]


def test_models_are_state_dicts_and_one_that_is_ready(run):
    assert [*run.models] == [*range(NODES)]
    state = run.models[2]
    assert state["fc.weight"].shape == (2, 4)
    assert torch.equal(run.model(2).fc.weight, state["fc.weight"])
    mean = torch.stack([each["fc.weight"] for each in run.models.values()]).mean(0)
    torch.testing.assert_close(run.model().fc.weight.data, mean)
    assert not run.model().training


def test_a_run_is_loaded_again_from_its_folder(run):
    again = dp.load(run.log_dir)
    assert again.metrics.equals(run.metrics)


def test_a_folder_of_no_run_is_told(tmp_path):
    with pytest.raises(dp.ConfigError, match="no results here"):
        dp.load(tmp_path)


def test_a_misspelt_option_is_an_exception_before_anything_starts(file):
    with pytest.raises(
        dp.ConfigError, match=r"\[OPTIMIZER_PARAMS\] momentm: .* momentum"
    ):
        dp.run(file(), optimizer_params={"momentm": 0.9})


def test_a_node_that_fails_is_an_exception_and_leaves_what_was_measured(file, tmp_path):
    log, dying = tmp_path / "log", file(DATASET={"dataset_class": "Dying"})
    with pytest.raises(dp.NodeFailed, match="the toy broke"):
        dp.run(dying, engine="debug", iterations=4, log_dir=log)
    run = dp.load(log)
    assert run.outcome.endswith("in die: RuntimeError: the toy broke")
    assert run.metrics.loc[0]["train_loss"].notna().sum() >= 2
    assert len(run.models) == 0


CHEAP = """
import sys
import decentralizepy as dp
assert issubclass(dp.ConfigError, Exception)
print([name for name in ("torch", "pandas", "numpy", "matplotlib") if name in sys.modules])
"""


def test_importing_the_package_imports_no_large_library():
    assert script(CHEAP) == "[]\n"


OWN = """
import decentralizepy as dp
from decentralizepy.sharing.Sharing import Sharing

class Mine(Sharing):

    def get_data_to_send(self, degree=None):
        print("mine\\n", end="", flush=True)  # in one piece
        return super().get_data_to_send(degree)

run = dp.run({file!r}, iterations=1, log_dir={log!r}, sharing={{"sharing_class": Mine}})
print(run.outcome, len(run.models))
"""


@pytest.mark.processes
def test_a_script_runs_processes_of_its_own_class(file, tmp_path):
    text = OWN.format(file=str(file()), log=str(tmp_path / "log"))
    lines = script(text).splitlines()
    assert lines.count("mine") == NODES
    assert lines[-1] == f"done {NODES}"


@pytest.mark.processes
@pytest.mark.slow
def test_a_sweep_is_a_frame_and_tells_of_points_that_failed(
    file, tmp_path, monkeypatch
):
    monkeypatch.chdir(ROOT)
    flags = {"output": tmp_path / "sweep", "jobs": 2, "engine": "debug"}
    kinds = {"dataset_class": ["Points", "Dying"]}
    with pytest.warns(RuntimeWarning, match="1 of 2 points failed: Dying,seed=1"):
        frame = dp.sweep(file(), dataset=kinds, seeds=[1], iterations=4, **flags)
    assert [*frame.index] == ["Points,seed=1", "Dying,seed=1"]
    assert [*frame["status"]] == ["done", "failed"]
    assert [*frame["DATASET.dataset_class"]] == ["Points", "Dying"]
    assert frame["distance"].notna().tolist() == [True, False]
    assert dp.load(frame.loc["Points,seed=1", "log_dir"]).outcome == "done"
