"""Breaks when a view of an experiment says another thing than a run would do."""

import pytest

from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.OnePeerExponential import OnePeerExponential
from decentralizepy.graphs.Star import Star
from decentralizepy.runs import view
from decentralizepy.runs.experiment import Experiment
from decentralizepy.runs.preflight import PROCESS_MEMORY

NUMBERS = 10  # of the toy's model


@pytest.fixture
def seen(experiment):
    """Return a function that returns the view of an experiment with some flags."""

    def seen(*flags, **sections):
        words = [*experiment(**sections)[4:], *flags]
        return view.view(Experiment.load(words), NUMBERS)

    return seen


def test_each_value_is_told_with_where_it_comes_from(seen):
    flags = ("--set", "SHARING.sharing_class=SubSampling", "--set", "SHARING.alpha=0.5")
    found = seen(*flags, SHARING={"layerwise": "true"})
    section = found["sections"]["SHARING"]
    assert section["class"] == "decentralizepy.sharing.SubSampling.SubSampling"
    options = section["options"]
    told = {key: (each["value"], each["from"]) for key, each in options.items()}
    assert told["alpha"] == (0.5, "--set")
    assert told["sharing_package"][1] == "--set"  # it follows the class
    assert told["layerwise"] == (True, "file")
    assert told["metadata_cap"] == (1.0, "default")


def test_flags_are_told_with_where_they_come_from(seen):
    found = seen("--set", "RUN.log_level=DEBUG")["flags"]
    assert found["iterations"] == {"value": 10, "from": "flag"}
    assert found["procs_per_machine"] == {"value": [4], "from": "file"}
    assert found["log_level"] == {"value": "DEBUG", "from": "--set"}
    assert found["max_restarts"] == {"value": 3, "from": "default"}


def test_bytes_are_those_of_whole_models_to_all_neighbors(seen):
    """A ring of 4: 10 numbers of 4 bytes, to 2 neighbors, in 10 rounds."""
    assert seen()["bytes"] == {"whole_model": 40, "round": 80, "run": 800}


def test_bytes_are_not_guessed_for_nodes_that_draw_their_neighbors(seen):
    assert seen(NODE={"graph_degree": 2})["bytes"]["round"] is None


def test_memory_is_that_of_all_nodes_here(seen):
    """8 models, and 2 of neighbors, of 40 bytes, in each process."""
    found = seen()["memory"]
    assert found["all"] == 4 * (PROCESS_MEMORY + 10 * 40)
    assert found["node"] == found["all"] / 4
    assert found["processes"] == 4


def test_a_graph_is_told_with_its_size_and_mixing():
    """The star of 4 has the second eigenvalue 3/4: 0.75 ** 24 is above 1/1000, 25 below."""
    found = view.graph(Star(4))
    assert (found["nodes"], found["edges"]) == (4, 3)
    assert (found["degree_min"], found["degree_max"]) == (1, 3)
    assert found["degree_mean"] == 1.5
    assert found["connected"]
    assert found["spectral_gap"] == pytest.approx(1 / 4)
    assert found["rounds_to_thousandth"] == 25


def test_a_graph_that_agrees_at_once_or_never_has_no_number_of_rounds():
    assert view.graph(FullyConnected(2))["rounds_to_thousandth"] in (None, 1)
    apart = Graph(2)
    found = view.graph(apart)
    assert not found["connected"]
    assert found["rounds_to_thousandth"] is None


def test_a_graph_that_changes_has_no_spectrum():
    found = view.graph(OnePeerExponential(4))
    assert not found["fixed"]
    assert found["spectral_gap"] is None
