"""Breaks when a check passes what a run refuses, or says it in more than a line."""

import json
import os

import pytest

from decentralizepy.commands import check
from decentralizepy.runs import preflight
from tests.support import ROOT


@pytest.fixture
def ini(experiment, monkeypatch):
    """Return a function that writes the toy's INI file, and returns its path."""
    monkeypatch.chdir(ROOT)

    def ini(**sections):
        words = experiment(
            comm="IPC", COMMUNICATION={"addresses_filepath": ""}, **sections
        )
        return words[words.index("-cf") + 1]

    return ini


def test_what_an_experiment_resolves_to_is_shown(ini, tmp_path, capsys):
    path = ini()
    before = sorted(os.listdir(tmp_path))
    assert check.main([path, "--set", "OPTIMIZER_PARAMS.lr=0.3", "-is", "10"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{path}: a run could start"
    assert "[OPTIMIZER_PARAMS]  torch.optim.sgd.SGD" in lines
    assert "  lr = 0.3  (--set)" in lines
    assert "  batch_size = 4  (file)" in lines
    assert "  iterations = 10  (flag)" in lines
    # the flag of this command is not that of run
    assert not any(line.startswith("  network = ") for line in lines)
    told = dict(line.split(maxsplit=1) for line in lines[-5:])
    assert told["graph"].startswith(
        "4 nodes, 4 edges, degree 2, connected, spectral gap"
    )
    assert told["model"] == "tests.support.toy.Linear, 10 numbers"
    assert told["bytes"].startswith(
        "about 80 B per node and round, 800 B per node and run"
    )
    assert sorted(os.listdir(tmp_path)) == before  # nothing is written


def test_json_holds_the_same(ini, capsys):
    assert check.main([ini(), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["graph"]["edges"] == 4
    assert found["model"]["numbers"] == 10
    assert found["problems"] == []


@pytest.mark.processes
def test_two_rounds_are_measured(ini, capsys):
    assert check.main([ini(), "--json", "--measure", "-is", "50"]) == 0
    found = json.loads(capsys.readouterr().out)["measured"]
    assert found["bytes_per_round"] > 80  # the numbers, and a header
    assert found["bytes"] == 50 * found["bytes_per_round"]
    assert found["seconds"] == pytest.approx(50 * found["seconds_per_round"])


def test_what_the_machine_lacks_is_told(ini, capsys, monkeypatch):
    monkeypatch.setattr(preflight, "examine", lambda *parts: ["memory: too little"])
    assert check.main([ini()]) == 2
    said = capsys.readouterr()
    assert said.err == "memory: too little\n"
    assert "could start" not in said.out


MISTAKES = {
    "misspelt key": (
        {"OPTIMIZER_PARAMS": {"momentm": 0.5}},
        [],
        "momentm: not an option of SGD; did you mean momentum?",
    ),
    "misspelt flag": ({}, ["--iteratons", "5"], "--iteratons: no such flag"),
    "no such class": (
        {"DATASET": {"dataset_class": "Pints"}},
        [],
        "did you mean Points?",
    ),
    "no such graph": (
        {"GRAPH": {"graph_package": "tests.support.foreign", "graph_class": "Nope"}},
        [],
        "no such class in tests.support.foreign",
    ),
    "a model of another module": (
        {"DATASET": {"model_class": "Missing"}},
        [],
        "model_class = Missing",
    ),
    "an attack on other data": (
        {
            "ATTACK": {
                "attack_package": "decentralizepy.attacks.Backdoor",
                "attack_class": "Backdoor",
                "nodes": 1,
            }
        },
        [],
        ".ini: [ATTACK] attack_class = Backdoor: Points has no images",
    ),
    "a class finds it": (
        {
            "NODE": {
                "node_package": "decentralizepy.node.SkipTrain",
                "node_class": "SkipTrain",
                "training_budget": "[1, 2]",
            }
        },
        [],
        ".ini: [NODE] training_budget = [1, 2]: 2 budgets for",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line(name, ini, capsys):
    sections, flags, cause = MISTAKES[name]
    try:
        status = check.main([ini(**sections), *flags])
    except SystemExit as end:
        status = end.code
    assert status == 2
    said = capsys.readouterr()
    assert cause in said.err
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


def test_a_file_that_is_missing_is_told(capsys):
    assert check.main(["no.ini"]) == 2
    assert capsys.readouterr().err.startswith("no.ini: no such file")


def test_the_help_has_an_example(capsys):
    with pytest.raises(SystemExit):
        check.main(["-h"])
    assert "decentralizepy check config.ini --set" in capsys.readouterr().out
