"""Breaks when plain D-PSGD on a changing graph waits for the wrong nodes."""

import pytest
import torch

from decentralizepy.errors import ConfigError
from decentralizepy.graphs.DynamicRegular import DynamicRegular
from decentralizepy.graphs.ODEquiDyn import ODEquiDyn
from decentralizepy.graphs.OnePeerExponential import OnePeerExponential
from decentralizepy.graphs.OUEquiDyn import OUEquiDyn
from decentralizepy.graphs.RandomMatching import RandomMatching
from decentralizepy.runs.experiment import Experiment
from tests.support.apart import STILL, Apart, models
from tests.support.launcher import NODES, results, run

MODEL_BYTES = 10 * 4
GRAPHS = {
    "one peer": (lambda: OnePeerExponential(8), 1),
    "matching": (lambda: RandomMatching(8), 1),
    "regular": (lambda: DynamicRegular(8, 3), 3),
    "equitopo": (lambda: ODEquiDyn(8), 1),
}


@pytest.mark.parametrize(("make", "degree"), GRAPHS.values(), ids=GRAPHS)
def test_each_round_has_its_own_neighbors(run_nodes, make, degree):
    nodes = run_nodes(make(), rounds=9)
    for node in nodes.values():
        assert node.communication.total_data == 9 * degree * MODEL_BYTES


def test_three_rounds_of_one_peer_are_an_exact_average(run_nodes):
    nodes = run_nodes(OnePeerExponential(8), Apart, rounds=3, **STILL)
    assert torch.equal(models(nodes), torch.full((8, 10), 3.5))  # of 0 to 7


@pytest.mark.parametrize("make", [ODEquiDyn, OUEquiDyn])
def test_rounds_of_equitopo_keep_the_mean(run_nodes, make):
    nodes = run_nodes(make(5, eta=0.3), Apart, rounds=4, **STILL)
    assert models(nodes).mean(0).numpy() == pytest.approx(2, abs=1e-5)
    assert len(models(nodes)[:, 0].unique()) > 1


READ = {
    "graph_package": "decentralizepy.graphs.FilePerRound",
    "graph_class": "FilePerRound",
    "graphs_dir": "graphs",
}


@pytest.fixture
def read(tmp_path):
    """Return a section GRAPH that names files of two rounds, beside the INI file."""
    (tmp_path / "graphs").mkdir()
    for number, edge in enumerate(("0 1", "2 3"), start=1):
        (tmp_path / "graphs" / f"{number}.edges").write_text(f"{NODES}\n{edge}\n")
    return {"GRAPH": READ}


@pytest.mark.processes
def test_nodes_meet_in_the_round_whose_file_says_so(experiment, tmp_path, read):
    done = run(experiment("IPC", 4, **read))
    assert done.returncode == 0, done.stderr
    for rank in range(NODES):
        total = results(tmp_path / "run")[f"{rank}_results.json"]["total_data_per_n"]
        assert [*total.values()] == [
            number * MODEL_BYTES
            for number in ((1, 1, 2, 2) if rank < 2 else (0, 1, 1, 2))
        ]


def test_a_bad_file_of_a_round_ends_the_run_before_its_start(
    experiment, tmp_path, read
):
    (tmp_path / "graphs" / "2.edges").write_text(f"{NODES}\n2 7\n")
    with pytest.raises(ConfigError) as error:
        Experiment.load(experiment("IPC", 4, **read)[4:])
    place = f"{tmp_path / 'run.ini'}: [GRAPH] graph_class = FilePerRound: round 2: "
    assert str(error.value).startswith(place + str(tmp_path / "graphs" / "2.edges"))
    assert "line 2: there is no node 7" in str(error.value)
