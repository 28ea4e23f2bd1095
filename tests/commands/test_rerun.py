"""Breaks when a repeated run is said to have other bits than it has."""

import copy
import json
import subprocess
import sys

import pytest
import torch

from decentralizepy.commands import rerun
from tests.support import LIMIT_S, ROOT
from tests.support.launcher import run


def repeat(folder, *more, cwd=ROOT):
    words = [sys.executable, "-m", "decentralizepy", "rerun", str(folder), *more]
    return subprocess.run(
        words, cwd=cwd, capture_output=True, text=True, timeout=LIMIT_S
    )


@pytest.mark.processes
@pytest.mark.slow
def test_a_run_is_repeated_to_the_bit(experiment, tmp_path):
    words = experiment(comm="IPC", rounds=5, COMMUNICATION={"addresses_filepath": ""})
    first = run([*words, "--engine", "debug", "--set", "OPTIMIZER_PARAMS.lr=0.3"])
    assert first.returncode == 0, first.stderr
    same = repeat(tmp_path / "run")
    assert same.returncode == 0, same.stderr
    last = same.stdout.splitlines()[-1]
    assert last == "the same bits: 4 models, 4 files of results"
    path = tmp_path / "run" / "manifest.json"
    manifest = json.loads(path.read_text())
    assert manifest["outcome"] == "done"
    manifest["weights"]["4_weight_1.pt"] = "another"
    path.write_text(json.dumps(manifest))
    other = repeat(tmp_path / "run", "--overwrite")
    assert other.returncode == 1
    assert "weights: 1 of 4 differ (4_weight_1.pt)" in other.stdout


@pytest.fixture
def runs(tmp_path):
    """Two runs of two nodes, equal but for what a test changes: folders and manifests."""
    manifest = {
        "folder": str(tmp_path),
        "weights": {},
        "results": {},
        "packages": {"numpy": "1.26"},
        "machine": {"cpu": "A", "host": "x"},
        "digests": {"training data": "1"},
        "files": {"/data/graph.edges": "0" * 64},
        "code": {
            "decentralizepy": {"commit": "abc", "dirty": False},
            "plug-ins": {},
        },
    }
    found = []
    for name in ("old", "new"):
        folder = tmp_path / name
        folder.mkdir()
        told = copy.deepcopy(manifest)
        told["flags"] = {"weights_store_dir": name}
        for uid in (0, 1):
            weight = {"w": torch.tensor([1.0, 2.0])}
            torch.save(weight, folder / f"4_weight_{uid}.pt")
            told["weights"][f"4_weight_{uid}.pt"] = "same"
            line = {"round": 1, "test_acc": 50.0, "time": 1.0}
            (folder / f"{uid}_results.jsonl").write_text(json.dumps(line) + "\n")
            told["results"][f"{uid}_results.jsonl"] = "same"
        found.append((folder, told))
    return found


def bits(runs):
    (old, before), (new, after) = runs
    return [*rerun.different_bits(before, after, old, new)]


def test_equal_runs_have_no_difference(runs):
    assert bits(runs) == []
    assert [*rerun.causes(runs[0][1], runs[1][1])] == []


def test_the_largest_difference_of_weights_is_told(runs):
    folder, manifest = runs[1]
    torch.save({"w": torch.tensor([1.0, 2.25])}, folder / "4_weight_1.pt")
    manifest["weights"]["4_weight_1.pt"] = "another"
    assert bits(runs) == [
        "weights: 1 of 2 differ (4_weight_1.pt); the largest difference of two weights "
        "is 0.25"
    ]
    (folder / "4_weight_1.pt").unlink()
    assert bits(runs)[0].endswith("; not all of them are there")


def test_the_first_round_that_differs_is_told(runs):
    folder, manifest = runs[1]
    lines = [{"round": 1, "test_acc": 50.0}, {"round": 2, "test_acc": 51.5}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "1_results.jsonl").write_text(text)
    manifest["results"]["1_results.jsonl"] = "another"
    (told,) = bits(runs)
    assert told == (
        "results: 1 of 2 differ (1_results.jsonl); first in round 2: test_acc of node 1 "
        "was nan, is 51.5"
    )


def test_what_changed_in_between_is_told(runs):
    _, after = runs[1]
    after["packages"]["numpy"] = "2.1"
    after["machine"] |= {"cpu": "B", "host": "y"}  # a host changes no bits
    after["files"] = {"/data/graph.edges": "1" * 64}
    after["code"]["decentralizepy"]["dirty"] = True
    assert [*rerun.causes(runs[0][1], after)] == [
        "package numpy: 1.26 -> 2.1",
        "machine cpu: A -> B",
        "commit of decentralizepy: abc -> abc with changes",
        "file graph.edges: 000000000000 -> 111111111111",
    ]


def test_many_changes_are_cut_short(runs):
    _, after = runs[1]
    after["packages"] |= {f"p{number}": "1" for number in range(9)}
    told = [*rerun.causes(runs[0][1], after)]
    assert told[-1] == "package: 4 more differ"
    assert len(told) == 6


def flags(machines=1):
    return {"iterations": 5, "machines": machines}


MISTAKES = {
    "no folder": (None, "there is no such folder"),
    "no log folder": ({}, "no such file; not a log folder"),
    "damaged": ({"started": "x"}, "damaged"),
    "several machines": (
        {"started": "x", "flags": flags(2)},
        "a run on several machines",
    ),
    "not ended": (
        {"started": "x", "flags": flags()},
        "no final weights to compare with",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line(name, tmp_path, capsys):
    content, cause = MISTAKES[name]
    folder = tmp_path / "run"
    if content is not None:
        folder.mkdir()
    if content:
        (folder / "manifest.json").write_text(json.dumps(content))
    assert rerun.main([str(folder)]) == 2
    said = capsys.readouterr().err
    assert cause in said
    assert len(said.splitlines()) == 1


def test_the_help_has_an_example(capsys):
    with pytest.raises(SystemExit):
        rerun.main(["-h"])
    assert "decentralizepy rerun runs/" in capsys.readouterr().out
