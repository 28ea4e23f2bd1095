"""Breaks when a user cannot audit runs by a command, or is not told why."""

import csv
import shutil

import pytest

from decentralizepy.commands.audit import main
from tests.support.observed import observe

ONE = {"rounds": 1, "batch_size": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return observe(tmp_path_factory.mktemp("audit"), TRAIN_PARAMS=ONE)


def test_the_table_the_numbers_and_the_figures(folder, tmp_path, capsys):
    figure = tmp_path / "audit.png"
    words = [str(folder), "-o", str(figure), "--shadows", "2", "--invert", "1"]
    assert main([*words, "--samples", "30"]) == 0
    told = capsys.readouterr()
    assert "120 samples are no members, fewer than 1,000: TPR at 0.1 % FPR" in told.out
    assert told.err == f"{folder.name} (1 of 1)\n"
    with figure.with_suffix(".csv").open() as file:
        first, last = csv.DictReader(file)
    assert (first["round"], last["round"]) == ("1", "2")
    assert float(first["psnr"]) > 40
    assert float(first["link_chance"]) == 0.25
    assert 0 <= float(last["lira_auc"]) <= 1
    title, _, row = (line.split() for line in told.out.splitlines()[1:4])
    assert title[-1] == "chance"
    assert row[:2] == [folder.name, "1"]
    for path in (figure, figure.with_name("audit_inverted.png")):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_audited_is_said_in_a_line(folder, tmp_path, capsys):
    blind, lost = tmp_path / "blind", tmp_path / "lost"
    shutil.copytree(folder, blind)
    shutil.rmtree(blind / "observed")
    shutil.copytree(folder, lost)
    path = lost / "run.ini"
    path.write_text(path.read_text().replace("= Digits", "= Digit"))
    for words, expected in (
        (
            [str(blind)],
            "nothing was observed; expected a run with a section [OBSERVER]",
        ),
        ([str(lost)], "no such class in decentralizepy.datasets.Digits"),
        ([str(tmp_path / "no")], "no: no such folder"),
        ([str(folder), "--shadows", "1"], "--shadows 1: expected an even number"),
        ([str(folder), "--shadow", "x"], "invalid int value"),
    ):
        assert main([*words, "-o", str(tmp_path / "a.png")]) == 2
        lines = capsys.readouterr().err.splitlines()
        assert lines[-1].startswith("audit: ")
        assert expected in lines[-1]
