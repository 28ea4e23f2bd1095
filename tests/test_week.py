"""Breaks when the commands of the documentation no longer lead from an idea to a table.

They are run as they stand, but with fewer nodes, rounds and seeds.
"""

import csv
import re
import subprocess
import sys

import pytest

from tests.support import LIMIT_S, browser
from tests.support.pages import commands

NODES = 3
SMALLER = {"16": str(NODES), "100": "3", "1..5": "1..2"}
WEEK = {
    words[1]: [SMALLER.get(word, word) for word in words[1:]]
    for words in commands("docs/experiments.rst")[:6]
}
FAST = ("--engine", "debug")
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
    command(folder, *WEEK["init"])
    path = folder / "config.ini"
    path.write_text(path.read_text().replace("lr = 0.05", "lr = 0.1"))
    return folder


@pytest.fixture(scope="module")
def swept(project):
    """The project, with a sweep of two algorithms and two seeds."""
    ended = command(project, *WEEK["sweep"], *FAST, "--jobs", "2")
    assert ended.count("│ done ") == 4
    return project


def test_a_new_file_is_checked(project):
    assert "lr = 0.1  (file)" in command(project, *WEEK["check"])


def test_a_sweep_that_is_done_has_nothing_left_to_run(swept):
    again = command(swept, *WEEK["sweep"], *FAST)
    assert again.startswith("4 points in config_sweep: 4 done, 0 to run")


def test_a_sweep_becomes_a_table_of_latex(swept):
    table = command(swept, *WEEK["compare"])
    rows = re.findall(r"^ (\w+) +& +(\d) & +[\d.]+ \$\\pm\$ [\d.]+ &", table, re.M)
    assert rows == [("Sharing", "2"), ("JWINS", "2")]


def test_a_point_of_a_sweep_is_repeated_to_the_bit(swept):
    told = command(swept, *WEEK["rerun"])
    line = f"the same bits: {NODES} models, {NODES} files of results"
    assert told.splitlines()[-1] == line


def test_a_sweep_becomes_a_page_with_the_same_numbers(swept):
    assert command(swept, *WEEK["report"]) == "sweep.html written\n"
    table = command(swept, "compare", "config_sweep", "--csv")
    rows = [*csv.DictReader(table.splitlines())]
    page = browser.opened(swept / "sweep.html", "x=rounds&metric=test_acc")
    assert page.errors == []
    last = page.table("curves-table")[-1]
    assert [float(cell) for cell in last[1:]] == [
        pytest.approx(float(row["final"]), rel=1e-4) for row in rows
    ]
