"""Breaks when an example that is installed with the package cannot be run by its name."""

import configparser
from pathlib import PurePath

import pytest

from decentralizepy.commands import check
from decentralizepy.config.places import examples, shipped
from decentralizepy.runs.experiment import Experiment
from decentralizepy.utils import file_first
from tests.support import ROOT


@pytest.mark.parametrize("name", examples())
def test_an_example_is_found_by_its_name_and_needs_no_other_file(
    name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    experiment = Experiment.load(file_first([name, "-is", "3"]))
    assert experiment.graph.n_procs == 16
    assert experiment.args.iterations == 3


def test_what_is_in_the_working_directory_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shipped("digits").endswith("examples/digits.ini")
    (tmp_path / "digits").write_text("[SHARING]\n")
    assert shipped("digits") == "digits"
    assert shipped("runs/digits") == "runs/digits"


def test_a_misspelt_example_is_told_with_the_nearest(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert check.main(["digit"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("digit: no such file (")
    assert said.endswith("); did you mean the example digits?\n")


def test_every_file_of_the_package_is_installed():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    patterns = parser["options.package_data"]["decentralizepy"].split()
    folder = ROOT / "decentralizepy"
    others = [
        path.relative_to(folder)
        for path in folder.rglob("*.*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    ]
    assert PurePath("examples/digits.ini") in others
    left = [path for path in others if not any(map(path.match, patterns))]
    assert left == []
