"""Breaks when the table of attacks and defenses cannot be made by its one command."""

import csv
import math
import runpy

import pytest

from decentralizepy.config import ini
from decentralizepy.results.methods import read_methods
from decentralizepy.results.statistics import compare
from decentralizepy.sweeps import plan, points
from tests.support import ROOT
from tests.support.result_files import results, write

EVAL = ROOT / "eval"
TABLE = runpy.run_path(str(EVAL / "byzantine_table.py"))
FILES = [EVAL / f"byzantine_{name}.csv" for name in ("attacks", "defenses")]
NO_ATTACK = {"Attack", "byzantine"}


def test_a_row_per_defense_and_a_column_per_attack(tmp_path):
    """The intervals of 60 and 62, and of 20 and 20, are 12.7 and 0."""
    values = {
        ("none", "Sharing"): (60, 62),
        ("none", "Krum"): (50, 50),
        ("IPM", "Sharing"): (20, 20),
    }
    names = []
    for (attack, defense), accuracies in values.items():
        for seed, accuracy in enumerate(accuracies):
            name = f"{attack},{defense},seed={seed}"
            names.append(name)
            honest = results(accuracy=accuracy)
            if attack != "none":
                honest["attack_success"] = {"2": 5.0}
            write(tmp_path / name / "machine0/0_results.json", honest)
            liar = {**results(accuracy=0), "byzantine": {"1": True}}
            liar["attack_success"] = {"2": 99.0}
            write(tmp_path / name / "machine0/1_results.json", liar)
            point = {"group": f"{attack},{defense}", "seed": seed}
            write(tmp_path / name / "point.json", point)
    write(tmp_path / "sweep.json", {"points": names})
    assert TABLE["lines"](tmp_path) == [
        "                none         IPM",
        "Sharing  61.0 ± 12.7  20.0 ± 0.0",
        "Krum      50.0 ± 0.0           -",
    ]
    last = TABLE["lines"](tmp_path, "attack_success")[1]
    assert last.split() == ["Sharing", "-", "5.0", "±", "0.0"]
    success = compare(read_methods([tmp_path])[0])["success"].tolist()
    assert success == pytest.approx([math.nan, math.nan, 5], nan_ok=True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_point_can_run(path, tmp_path):
    """A key or a class that was renamed would be told by name."""
    words = ["--config_file", str(EVAL / "config_byzantine.ini")]
    given = points.grid([], points.crossed([points.rows(str(path))]))
    jobs = plan.plan(given, words, tmp_path, False)
    assert [job.point.name for job in jobs] == [row["name"] for row in rows(path)]


def test_every_attack_is_a_column():
    """Of the attacks, only those that another one contains are left out."""
    found = {path.stem for path in (ROOT / "decentralizepy/attacks").glob("[!_]*.py")}
    named = {row["name"] for row in rows(FILES[0])}
    assert found - named - NO_ATTACK <= {"Scaled", "Mimic"}


def rows(path):
    with path.open(newline="") as file:
        return [*csv.DictReader(file, skipinitialspace=True)]


def test_a_neighborhood_can_outvote_the_byzantine():
    """All attackers may be neighbors of one node, half of whose neighbors they are not."""
    graph = ini.read(str(EVAL / "config_byzantine.ini"))["GRAPH"]
    counts = {row["ATTACK.count"] for row in rows(FILES[0])} - {""}
    assert counts == {row["SHARING.byzantine"] for row in rows(FILES[1])} - {""}
    assert 2 * int(counts.pop()) < graph["degree"]
