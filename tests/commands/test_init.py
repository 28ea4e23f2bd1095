"""Breaks when a file that ``init`` writes does not run, or hides an option."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

import decentralizepy
from decentralizepy.commands import init
from decentralizepy.config import ini
from decentralizepy.graphs.Ring import Ring
from decentralizepy.runs.experiment import Experiment
from tests.support import LIMIT_S, ROOT

PACKAGE = Path(decentralizepy.__path__[0])


def classes(folder):
    """Return the names of the classes of a folder that an INI file may name."""
    stems = {path.stem for path in (PACKAGE / folder).rglob("[!_]*.py")}
    return sorted(stem for stem in stems if stem[0].isupper())


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Return a function that writes a file with some flags, and returns its path."""
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def written(*flags):
        path = tmp_path / "config.ini"
        assert init.main([str(path), *flags]) == 0
        return path

    return written


@pytest.mark.parametrize("name", classes("sharing"))
def test_every_algorithm_can_be_run(written, name):
    found = Experiment.load(["-cf", str(written("--sharing", name, "--nodes", "8"))])
    assert found.parts["SHARING"].cls.__name__ == name
    assert found.graph.n_procs == 8


GRAPHS = set(classes("graphs")) - {"Graph", "TimeVarying"}


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_every_graph_can_be_built(written, tmp_path, name):
    (tmp_path / "graphs").mkdir()
    Ring(16).write_graph_to_file(tmp_path / "graphs" / "1.edges")
    found = Experiment.load(["-cf", str(written("--graph", name))])
    assert type(found.graph).__name__ == name


@pytest.mark.parametrize("nodes", ["2", "3", "4", "5", "16"])
def test_the_degree_fits_the_number_of_nodes(written, nodes):
    assert Experiment.load(["-cf", str(written("--nodes", nodes))]).graph.is_connected()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("fashion-mnist", "FashionMNIST"), ("cifar10", "CIFAR10"), ("digits", "Digits")],
)
def test_a_data_set_is_found_however_it_is_spelt(written, name, expected):
    sections = ini.read(written("--dataset", name))
    assert sections["DATASET"]["dataset_class"] == expected


def test_data_to_download_say_how_and_where(written):
    path = written("--dataset", "cifar10", "--model", "ResNet8")
    assert "; get the data: decentralizepy data download cifar10\n" in path.read_text()
    section = ini.read(path)["DATASET"]
    assert section["train_dir"] == "eval/data"
    assert section["model_class"] == "ResNet8"


def test_every_option_is_there_with_its_default(written):
    text = written("--sharing", "PartialModel").read_text()
    assert "\n; metadata_cap = 1.0\n" in text
    assert "\n; compress = false\n" in text


@pytest.mark.processes
def test_the_file_runs_as_it_is(written, tmp_path):
    path = written("--nodes", "4", "--rounds", "2")
    start = [sys.executable, "-m", "decentralizepy", "run", str(path)]
    folders = ["-ld", str(tmp_path / "log"), "-wsd", str(tmp_path / "log/weights")]
    done = subprocess.run(
        [*start, *folders, "--engine", "debug"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "log/3_results.json").exists()


def test_what_no_flag_says_is_asked(tmp_path, monkeypatch):
    answers = {"Data set [Digits]: ": "", "Graph [Regular]: ": "ring"}
    answers |= {"Number of nodes [16]: ": "6", "Number of rounds [100]: ": " 30 "}
    monkeypatch.setattr("builtins.input", answers.pop)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    path = tmp_path / "a.ini"
    assert init.main([str(path), "--sharing", "JWINS"]) == 0
    sections = ini.read(path)
    assert sections["GRAPH"]["graph_class"] == "Ring"
    assert sections["RUN"]["procs_per_machine"] == 6
    assert sections["RUN"]["iterations"] == 30
    assert answers == {}


MISTAKES = {
    "data set": (["--dataset", "digitz"], "did you mean Digits?"),
    "algorithm": (["--sharing", "JWIN"], "did you mean JWINS?"),
    "model": (["--model", "MPL"], "Digits has no such model; did you mean MLP?"),
    "nodes": (["--nodes", "0"], "--nodes 0: expected a number above 0"),
    "there already": ([], "exists already; --overwrite replaces it"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    flags, cause = MISTAKES[name]
    path = tmp_path / "a.ini"
    if name == "there already":
        path.write_text("mine")
    assert init.main([str(path), *flags]) == 2
    said = capsys.readouterr().err
    assert cause in said
    assert len(said.splitlines()) == 1
    assert not path.exists() or path.read_text() == "mine"


def test_the_help_has_an_example(capsys):
    with pytest.raises(SystemExit):
        init.main(["-h"])
    assert "decentralizepy init config.ini --dataset" in capsys.readouterr().out
