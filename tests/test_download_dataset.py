"""download_dataset.py: the command ``decentralizepy data download``, CIFAR-10 by default."""

import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "download_dataset.py"


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, words)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    return end.value.code


def test_alone_it_gets_cifar10_into_eval_data(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("urllib.request._opener", None)  # it remembers the proxy
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert run(monkeypatch) == 1
    out, err = capsys.readouterr()
    assert out == ""
    lines = [line for line in err.splitlines() if line and "━" not in line]
    assert lines == ["cannot reach www.cs.toronto.edu: Connection refused"]
    assert not list((tmp_path / "eval" / "data").iterdir())


def test_what_is_there_stays(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "eval/data/cifar-10-batches-py").mkdir(parents=True)
    assert run(monkeypatch) == 0
    told = "cifar10: train_dir = eval/data, test_dir = eval/data\n"
    assert capsys.readouterr().out == told


def test_other_data_sets_can_be_named(monkeypatch, tmp_path):
    assert run(monkeypatch, "movielens", "--stand-in", "--dir", tmp_path) == 0
    assert (tmp_path / "movielens" / "ml-latest-small" / "ratings.csv").is_file()
