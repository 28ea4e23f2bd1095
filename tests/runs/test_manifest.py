"""Breaks when a log folder does not tell how its run came about and ended."""

import json
from pathlib import Path

import pytest

from decentralizepy.errors import ConfigError
from decentralizepy.results.lines import read_rows
from decentralizepy.runs import manifest
from decentralizepy.runs.experiment import Experiment
from tests.support import ROOT
from tests.support.launcher import NODES


@pytest.fixture
def run(experiment, monkeypatch):
    """An experiment whose folders exist, with --set."""
    monkeypatch.chdir(ROOT)
    words = [*experiment()[4:], "--set", "OPTIMIZER_PARAMS.lr=0.25"]
    found = Experiment.load(words)
    found.make_folders()
    found.fingerprint = {"training data": 7, "test data": None}
    return found


def read(run):
    return manifest.read(Path(run.args.log_dir))


def test_the_manifest_says_what_the_run_is(run):
    with manifest.kept(run):
        told = read(run)  # there from the start, whatever happens
    assert told["configuration"]["OPTIMIZER_PARAMS"]["lr"] == 0.25
    assert told["configuration"]["OPTIMIZER_PARAMS"]["momentum"] == 0  # the default
    assert told["set"] == ["OPTIMIZER_PARAMS.lr=0.25"]
    assert told["flags"]["iterations"] == 10
    assert told["seeds"] == {"DATASET.random_seed": 3}
    assert told["digests"] == {"training data": "7", "test data": "None"}
    assert run.args.config_file in told["files"]
    toy = str(ROOT / "tests/support/toy.py")
    assert list(told["code"]["plug-ins"]) == [toy]
    assert told["folder"] == str(ROOT)
    assert (told["ended"], told["outcome"]) == (None, None)
    for part in ("command", "machine", "packages", "started"):
        assert told[part]


def test_the_graphs_of_rounds_are_among_the_files(experiment, tmp_path):
    folder = tmp_path / "graphs"
    folder.mkdir()
    for number, edge in enumerate(("0 1", "2 3"), start=1):
        (folder / f"{number}.edges").write_text(f"{NODES}\n{edge}\n")
    graph = {
        "graph_package": "decentralizepy.graphs.FilePerRound",
        "graph_class": "FilePerRound",
        "graphs_dir": "graphs",  # beside the INI file
    }
    run = Experiment.load(experiment(GRAPH=graph)[4:])
    before = manifest.begun(run)["files"]
    (folder / "2.edges").write_text(f"{NODES}\n1 3\n")
    after = manifest.begun(run)["files"]
    assert [path for path in after if after[path] != before[path]] == [str(folder)]


def test_the_end_has_digests_of_what_was_produced(run):
    log_dir, weights = Path(run.args.log_dir), Path(run.args.weights_store_dir)
    lines = [{"round": 1, "time": 5.0, "test_acc": 3.5, "total_bytes": 7}]
    with manifest.kept(run) as record:
        (weights / "9_weight_2.pt").write_bytes(b"abc")
        (weights / "8_weight_2.pt").write_bytes(b"an earlier run's")
        (log_dir / "0_results.jsonl").write_text(json.dumps(lines[0]) + "\n")
        record["outcome"] = "done"
    told = read(run)
    assert told["outcome"] == "done"
    assert told["ended"] >= told["started"]
    assert list(told["weights"]) == ["9_weight_2.pt"]
    assert list(told["results"]) == ["0_results.jsonl"]


def test_the_digest_of_results_leaves_out_time_alone(tmp_path):
    def digest(**line):
        path = tmp_path / "x.jsonl"
        path.write_text(json.dumps({"round": 1, "test_acc": 3.5, **line}) + "\n")
        return manifest.of_results(read_rows(path))

    assert digest(time=1.0, wait=2.0, total_control=5) == digest(time=3.0)
    assert digest(test_acc=3.6) != digest()
    assert digest(total_bytes=1) != digest(total_bytes=2)


def test_a_run_that_failed_says_why(run):
    with pytest.raises(ValueError, match="the toy"), manifest.kept(run):
        raise ValueError("the toy broke\nat line 3")
    told = read(run)
    assert told["outcome"] == "the toy broke"
    assert told["ended"]
    assert "weights" not in told


def test_a_resumed_run_keeps_how_it_ended_before(run):
    with pytest.raises(KeyboardInterrupt), manifest.kept(run):
        raise KeyboardInterrupt
    run.args.resume = run.args.log_dir
    with manifest.kept(run) as record:
        record["outcome"] = "done"
    told = read(run)
    assert [each["outcome"] for each in told["earlier"]] == ["KeyboardInterrupt"]


@pytest.mark.parametrize(
    ("text", "cause"),
    [(None, "no such file; not a log folder"), ("{", "damaged"), ("{}", "damaged")],
)
def test_a_folder_without_a_whole_manifest_is_told(tmp_path, text, cause):
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ConfigError, match=rf"manifest\.json: {cause}"):
        manifest.read(tmp_path)
