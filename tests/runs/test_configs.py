"""Breaks when an INI file or series that ships names something that does not exist."""

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from decentralizepy import utils
from decentralizepy.datasets.sources.catalog import CATALOG
from decentralizepy.runs.experiment import Experiment
from tests.support import ROOT

FILES = sorted((ROOT / "eval").glob("*_configs/*.ini"))
NAMES = [str(path.relative_to(ROOT)) for path in FILES]
EVERY = ("jwins", "partialmodel", "sharing", "subsampling")
ALGORITHMS = {
    "amazon": ("sharing",),
    "celeba": EVERY,
    "cifar": EVERY,
    "fashion": ("sharing",),
    "femnist": EVERY,
    "movielens": ("jwins", "sharing", "subsampling"),
    "reddit": ("partialmodel", "sharing", "subsampling"),
    "shakespeare": EVERY,
}
FOLDERS = ("train_dir", "test_dir", "images_dir")
SERIES = sorted(path.name for path in (ROOT / "eval").glob("run_xtimes_*.sh"))
RECORDER = '#!/usr/bin/env bash\n[ "$1" != run ] || echo "${@:2}" >>"$CALLS"\n'


def sections(path):
    parser = configparser.ConfigParser(default_section="")
    parser.read(path)
    return {name: dict(parser[name]) for name in parser.sections()}


def test_a_file_for_each_data_set_and_algorithm():
    steps = {
        f"eval/step_configs/config_{data}_{algorithm}.ini"
        for data, algorithms in ALGORITHMS.items()
        for algorithm in algorithms
    }
    epochs = {f"eval/epoch_configs/config_{data}_sharing.ini" for data in ALGORITHMS}
    assert set(NAMES) == steps | epochs


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a function that makes empty folders where a file has its data."""
    (tmp_path / "eval").mkdir()
    for name in ("ip.json", "regular_16.txt"):
        (tmp_path / "eval" / name).symlink_to(ROOT / "eval" / name)

    def place(section):
        for key in (*FOLDERS, "tokenizer"):
            if key in section:
                (tmp_path / section[key]).mkdir(parents=True, exist_ok=True)
        monkeypatch.chdir(tmp_path)

    return place


@pytest.mark.parametrize("name", NAMES)
def test_the_checks_that_a_run_makes_pass(place, name):
    section = sections(ROOT / name)["DATASET"]
    place(section)
    flags = ["-cf", str(ROOT / name), "-ps", "16", "-gf", "eval/regular_16.txt"]
    experiment = Experiment.load(flags)
    assert experiment.config["DATASET"]["dataset_class"] == section["dataset_class"]


@pytest.mark.parametrize("name", NAMES)
def test_the_data_are_where_the_download_puts_them(name):
    """The command in the second line is one that brings what the file names."""
    comment = (ROOT / name).read_text().splitlines()[1]
    section = sections(ROOT / name)["DATASET"]
    if section["dataset_class"] == "FashionMNIST":
        assert not any(key in section for key in FOLDERS)
        assert comment == "; Data: apt-get install dataset-fashion-mnist"
        return
    entry = CATALOG[re.match(r"; Data: .* download ([\w-]+)", comment)[1]]
    assert section["dataset_package"].endswith(f"datasets.{entry.dataset}")
    named = {key: section[key] for key in FOLDERS if key in section}
    assert named == entry.directories(Path("eval/data"))
    assert ("--stand-in" in comment) <= bool(entry.stand_in)


@pytest.mark.parametrize("data", ALGORITHMS)
def test_algorithms_are_compared_on_equal_terms(data):
    """Files of a data set differ in SHARING alone; an epoch's also in its length."""
    folder = ROOT / "eval" / "step_configs"
    first, *others = [
        sections(folder / f"config_{data}_{algorithm}.ini")
        for algorithm in ALGORITHMS[data]
    ]
    epochs = sections(ROOT / f"eval/epoch_configs/config_{data}_sharing.ini")
    assert epochs["TRAIN_PARAMS"]["full_epochs"] == "True"
    epochs["TRAIN_PARAMS"] |= {
        key: first["TRAIN_PARAMS"][key] for key in ("full_epochs", "rounds")
    }
    for each in (*others, epochs):
        assert {**each, "SHARING": {}} == {**first, "SHARING": {}}


@pytest.fixture
def calls(tmp_path):
    """Return a function that gives the flags of the runs that a script would start."""
    fake = tmp_path / "venv" / "bin"
    fake.mkdir(parents=True)
    for name in ("python", "decentralizepy", "apt-get"):
        (fake / name).write_text(RECORDER)
        (fake / name).chmod(0o755)
    record = tmp_path / "calls"

    def calls(script, *flags):
        subprocess.run(
            ["bash", f"eval/{script}", str(tmp_path / "out"), *flags],
            cwd=ROOT,
            env={
                **os.environ,
                "PATH": f"{fake}:{os.environ['PATH']}",
                "VENV": str(fake.parent),
                "CALLS": str(record),
            },
            check=True,
            capture_output=True,
        )
        lines = record.read_text().splitlines()
        return [utils.get_args(["-cf", *line.split()]) for line in lines]

    return calls


@pytest.mark.parametrize("script", SERIES)
def test_a_series_over_seeds_runs_its_data_set(calls, script):
    data = script.removeprefix("run_xtimes_").removesuffix(".sh")
    runs = calls(script, "-is", "7")
    settings = [dict(each.split("=") for each in run.set) for run in runs]
    seeds = [each["DATASET.random_seed"] for each in settings]
    assert len(set(seeds)) == 5
    assert seeds == [each["GRAPH.seed"] for each in settings]  # the graph varies, too
    assert {each["GRAPH.degree"] for each in settings} == {"3"}
    for run in runs:
        assert run.config_file == f"eval/step_configs/config_{data}_sharing.ini"
        assert run.procs_per_machine == [16]
        assert run.iterations == 7  # flags of the user come last


def test_celeba_runs_with_each_algorithm(calls):
    found = [Path(run.config_file).stem for run in calls("run_celeba_synchronous.sh")]
    assert found == [f"config_celeba_{name}" for name in EVERY]


def test_every_data_set_is_run_by_its_own_file(calls):
    runs = calls("run_datasets.sh")
    found = [Path(run.config_file).stem for run in runs]
    assert found == ["config_digits"] + [f"config_{d}_sharing" for d in ALGORITHMS]
    assert {(run.procs_per_machine[0], run.iterations) for run in runs} == {(8, 20)}


def test_the_table_has_baseline_and_spread(tmp_path):
    """Of the digits' 359 test images 37 are of one class: 10.3 %."""
    folder = tmp_path / "digits" / "machine0"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "eval/config_digits.ini", folder)
    (folder / "dataset.json").write_text('{"class": "Digits", "generated": true}')
    for rank, accuracy, sent in ((0, 40, 1024), (1, 60, 3072)):
        results = {"test_acc": accuracy, "total_bytes": sent, "time": 5 + rank}
        content = {name: {"20": value} for name, value in results.items()}
        (folder / f"{rank}_results.json").write_text(json.dumps(content))
    command = [sys.executable, "eval/datasets_table.py", tmp_path, "digits"]
    printed = subprocess.check_output(command, cwd=ROOT, text=True)
    row = [cell.strip() for cell in printed.splitlines()[3].strip("│ ").split("│")]
    reached = ["10.3 %", "50.0 ± 10.0", "2.0 KiB", "6 s"]
    assert row == ["Digits (generated)", "CNN", "13,706", *reached]
