"""Breaks when a run that is started in a notebook hangs, or ends with SystemExit."""

import os

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support import LIMIT_S, ROOT
from tests.support.launcher import results

pytestmark = [
    pytest.mark.processes,
    pytest.mark.filterwarnings("ignore"),  # of Jupyter's libraries
]

USES_TORCH = """
import torch
torch.set_num_threads(2)
torch.randn(3_000_000).exp().sum()  # starts a thread, which no child has
torch.nn.Linear(2, 2)(torch.randn(8, 2)).sum().backward()

from decentralizepy.launcher import launch
from decentralizepy.training.Training import Training

class Parallel(Training):
    def train(self, dataset):
        torch.set_num_threads(2)
        torch.randn(3_000_000).exp().sum()
        super().train(dataset)
"""
IN_A_THREAD = """
import threading
thread = threading.Thread(target=launch, kwargs={{"argv": {} + ["--overwrite"]}})
thread.start()
thread.join()
"""


INTERRUPTED = """
import os, signal
import decentralizepy as dp
from decentralizepy.tracking.Callback import Callback

class Interrupting(Callback):
    def on_round_end(self, number, rows):
        os.kill(os.getpid(), signal.SIGINT)  # as Jupyter interrupts a kernel

log_dir = {log!r}
dp.run({file!r}, log_dir=log_dir, tracking={{"tracking_class": Interrupting}},
       iterations=100_000)
"""


def outputs(*cells):
    """Execute a notebook of some cells; return the outputs of each cell."""
    cells = [*map(nbformat.v4.new_code_cell, cells)]
    return executed(nbformat.v4.new_notebook(cells=cells), ROOT)


def executed(notebook, folder):
    """Execute a notebook in a folder; return the outputs of each cell of code."""
    client = NotebookClient(
        notebook,
        timeout=LIMIT_S,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("OMP_NUM_THREADS", None)
    client.execute(env=environment)
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


def errors(cell):
    found = [each for each in cell if each.output_type == "error"]
    return [(each.ename, each.evalue) for each in found]


@pytest.mark.slow
def test_a_notebook_runs_nodes_of_a_class_in_a_cell(experiment, tmp_path):
    own = {"training_package": "__main__", "training_class": "Parallel"}
    flags = experiment(rounds=2, TRAIN_PARAMS=own)[4:]
    misspelt = [*flags, "--iteration", "x"]
    cells = outputs(
        USES_TORCH,
        f"launch(argv={flags})\nprint('threads', torch.get_num_threads())",
        IN_A_THREAD.format(flags),
        f"launch(argv={misspelt})",
        "launch(argv=['-cf', 'nowhere.ini'])",
    )
    assert [errors(cell) for cell in cells[:3]] == [[], [], []]
    assert any("threads 2" in each.get("text", "") for each in cells[1])
    assert len(results(tmp_path / "run")) == 4
    (flag,), (file,) = (errors(cell) for cell in cells[3:])
    assert flag[0] == file[0] == "ConfigError"
    assert "--iteration" in flag[1]
    assert "nowhere.ini: no such file" in file[1]


@pytest.mark.slow
def test_a_kernel_that_is_interrupted_keeps_what_was_measured(experiment, tmp_path):
    experiment(comm="IPC")
    cell = INTERRUPTED.format(file=str(tmp_path / "run.ini"), log=str(tmp_path / "log"))
    stopped, loaded = outputs(
        cell, "run = dp.load(log_dir)\nprint(run.outcome, '-', len(run.metrics) > 0)"
    )
    ((name, value),) = errors(stopped)
    told = "stopped by Ctrl-C; results so far are saved"
    assert name == "KeyboardInterrupt"
    assert value == f"{told}: decentralizepy.load({str(tmp_path / 'log')!r})"
    assert loaded[0]["text"] == f"{told} - True\n"


@pytest.mark.slow
def test_the_notebook_of_the_tutorial_runs(tmp_path):
    notebook = nbformat.read(ROOT / "tutorial" / "first_steps.ipynb", as_version=4)
    cells = executed(notebook, tmp_path)
    assert [errors(cell) for cell in cells] == [[]] * len(cells)
    assert cells[0][-1]["data"]["text/plain"] == "'done'"
    assert cells[-1][-1]["text"] == "0.50 of the bytes\n"
