"""Breaks when the commands no longer lead from a new INI file to a table for a paper."""

import csv
import re
import subprocess
import sys

import pytest

from tests.support import LIMIT_S, ROOT, browser

EXPERIMENTS = (ROOT / "docs/experiments.rst").read_text()
NODES = 3
SWEEP = ("--set", "SHARING.sharing_class=Sharing,RandomK", "--seeds", "1..2")
pytestmark = [pytest.mark.slow, pytest.mark.processes]


def command(folder, *words):
    """Run a command in the folder of a project, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "decentralizepy", *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with a new INI file, in which one value was edited."""
    folder = tmp_path_factory.mktemp("project")
    command(folder, "init", "config.ini", "--nodes", str(NODES), "--rounds", "3")
    path = folder / "config.ini"
    path.write_text(path.read_text().replace("lr = 0.05", "lr = 0.1"))
    return folder


@pytest.fixture(scope="module")
def swept(project):
    """The project, with a sweep of two algorithms and two seeds."""
    words = ("--engine", "debug", "--jobs", "2")
    ended = command(project, "sweep", "config.ini", *SWEEP, *words)
    assert ended.count("│ done ") == 4
    return project


def test_a_new_file_is_checked(project):
    assert "lr = 0.1  (file)" in command(project, "check", "config.ini")


def test_a_sweep_that_is_done_has_nothing_left_to_run(swept):
    again = command(swept, "sweep", "config.ini", *SWEEP, "--engine", "debug")
    assert again.startswith("4 points in config_sweep: 4 done, 0 to run")


def test_a_sweep_becomes_a_table_of_latex(swept):
    words = ("--latex", "--columns", "seeds,final,p")
    table = command(swept, "compare", "config_sweep", *words)
    rows = re.findall(r"^ (\w+) +& +(\d) & +[\d.]+ \$\\pm\$ [\d.]+ &", table, re.M)
    assert rows == [("Sharing", "2"), ("RandomK", "2")]


def test_a_point_of_a_sweep_is_repeated_to_the_bit(swept):
    told = command(swept, "rerun", "config_sweep/RandomK,seed=2/machine0")
    line = f"the same bits: {NODES} models, {NODES} files of results"
    assert told.splitlines()[-1] == line


def test_a_sweep_becomes_a_page_with_the_same_numbers(swept):
    """As docs/experiments.rst says, but with the name of this sweep."""
    (line,) = re.findall(r"^    decentralizepy (report .*)", EXPERIMENTS, re.M)
    words = line.replace("config_digits_sweep", "config_sweep").split()
    assert command(swept, *words) == "sweep.html written\n"
    table = command(swept, "compare", "config_sweep", "--csv")
    rows = [*csv.DictReader(table.splitlines())]
    page = browser.opened(swept / "sweep.html", "x=rounds&metric=test_acc")
    assert page.errors == []
    last = page.table("curves-table")[-1]
    assert [float(cell) for cell in last[1:]] == [
        pytest.approx(float(row["final"]), rel=1e-4) for row in rows
    ]
