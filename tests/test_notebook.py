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


def outputs(*cells):
    """Execute a notebook; return the outputs of each cell."""
    notebook = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, cells)])
    client = NotebookClient(
        notebook,
        timeout=LIMIT_S,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(ROOT)}},
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("OMP_NUM_THREADS", None)
    client.execute(env=environment)
    return [cell.outputs for cell in notebook.cells]


def errors(cell):
    found = [each for each in cell if each.output_type == "error"]
    return [(each.ename, each.evalue) for each in found]


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
