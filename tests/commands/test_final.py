"""Breaks when machines that share no folder cannot get the figures over all models."""

import json
import shutil

import pytest

from decentralizepy.commands import final
from tests.support.launcher import run

pytestmark = pytest.mark.processes


def test_collected_weights_give_what_a_shared_folder_would(
    experiment, tmp_path, capsys, monkeypatch
):
    done = run(experiment(rounds=5))
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "run"
    expected = json.loads((folder / "final.json").read_text())
    expected.pop("worst_test_acc", None)
    (folder / "final.json").unlink()
    other = tmp_path / "of the other machine"
    other.mkdir()
    for uid in (2, 3):
        shutil.move(folder / f"weights/4_weight_{uid}.pt", other)
    monkeypatch.syspath_prepend(tmp_path)  # the command adds to sys.path
    words = [str(folder), str(folder / "weights")]
    assert final.main(words) == 2
    told = f"{folder / 'weights'}: has no final weights of this run of uid 2, 3\n"
    assert capsys.readouterr().err == told
    assert final.main([*words, str(other)]) == 0
    assert json.loads((folder / "final.json").read_text()) == expected
    assert "consensus_distance: " in capsys.readouterr().out
    table = json.loads((folder / "0_results.json").read_text())
    assert table["mean_model_acc"] == expected["mean_model_acc"]


def test_a_folder_of_no_run_is_one_line(tmp_path, capsys):
    assert final.main([str(tmp_path), str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(
        f"--resume {tmp_path}: not the log folder"
    )
