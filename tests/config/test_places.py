"""Breaks when a file or module beside an INI file is not found from another folder."""

import json
import os
import subprocess
import sys

import pytest

from decentralizepy.config import places
from decentralizepy.config.ini import read
from tests.support import LIMIT_S, ROOT


@pytest.fixture
def ini(tmp_path, monkeypatch):
    """Return an INI file in a folder beside which there are some data."""
    folder, here = tmp_path / "project", tmp_path / "here"
    (folder / "data").mkdir(parents=True)
    here.mkdir()
    text = "[DATASET]\ntrain_dir = data\nname = data\n[RUN]\nlog_dir = data\n"
    (folder / "a.ini").write_text(text)
    monkeypatch.chdir(here)
    return folder / "a.ini"


def test_a_path_is_looked_up_beside_the_file(ini):
    sections = read(ini)
    assert sections["DATASET"]["train_dir"] == str(ini.parent / "data")
    assert sections["DATASET"]["name"] == "data"  # no path, as far as one can tell
    assert sections["RUN"]["log_dir"] == "data"  # written, not read


def test_the_working_directory_comes_first(ini, tmp_path):
    (tmp_path / "here/data").mkdir()
    assert read(ini)["DATASET"]["train_dir"] == "data"


def test_a_path_that_is_nowhere_is_kept(ini):
    (ini.parent / "data").rmdir()
    assert read(ini)["DATASET"]["train_dir"] == "data"


def test_the_copy_of_a_run_finds_what_is_beside_the_original(ini, tmp_path):
    log = tmp_path / "log"
    log.mkdir()
    (log / "a.ini").write_text(ini.read_text())
    (log / "args.json").write_text(json.dumps({"ini_folder": str(ini.parent)}))
    assert read(log / "a.ini")["DATASET"]["train_dir"] == str(ini.parent / "data")
    assert places.origin(log / "a.ini") == str(ini.parent)
    assert places.origin(ini) == str(ini.parent)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"ini_folder": 3}'])
def test_other_files_of_that_name_do_no_harm(ini, content):
    (ini.parent / "args.json").write_text(content)
    assert read(ini)["DATASET"]["train_dir"] == str(ini.parent / "data")


@pytest.mark.processes
@pytest.mark.slow
def test_a_run_finds_modules_and_graphs_beside_its_ini_file_and_resumes(
    experiment, tmp_path
):
    """The class and the graph of the project are found from another folder."""
    project, here = tmp_path / "project", tmp_path / "here"
    project.mkdir()
    here.mkdir()
    (project / "my_idea.py").write_text(
        "from decentralizepy.sharing.Sharing import Sharing\n"
        "class Mine(Sharing):\n    pass\n"
    )
    (project / "ring.edges").write_text("4\n0 1\n1 2\n2 3\n3 0\n")
    sharing = {"sharing_package": "my_idea", "sharing_class": "Mine"}
    run = {"graph_file": "ring.edges", "checkpoint_every": "1"}
    words = experiment(comm="IPC", rounds=2, SHARING=sharing, RUN=run)
    ini = words[words.index("-cf") + 1]
    os.rename(ini, project / "a.ini")
    start = [sys.executable, "-m", "decentralizepy"]
    more = ["-is", "2", "--engine", "debug", "-ld", "log", "-wsd", "log/weights"]
    options = {
        "cwd": here,
        "env": {**os.environ, "PYTHONPATH": str(ROOT)},
        "capture_output": True,
        "text": True,
        "timeout": LIMIT_S,
    }
    first = subprocess.run([*start, "run", "../project/a.ini", *more], **options)
    assert first.returncode == 0, first.stderr
    again = subprocess.run([*start, "run", "--resume", "log", "-is", "3"], **options)
    assert again.returncode == 0, again.stderr
    assert "resuming after round 2" in again.stdout
