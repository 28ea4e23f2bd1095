"""eval/seeds_table.py: breaks when an interval is not that of the seeds' means."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def rows(tmp_path):
    """Return the cells that are printed for three seeds of nodes, and one of a server."""
    for seed, (low, high) in enumerate([(50.0, 70.0), (60.0, 64.0), (62.0, 66.0)]):
        write(tmp_path / f"JWINS-tenth-{seed}", {0: low, 1: high}, mean_model=80 + seed)
    write(tmp_path / "FedAvg-7", {-1: 86.0})
    command = [sys.executable, "eval/seeds_table.py", str(tmp_path)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [line for line in told.stdout.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]


def write(folder, accuracies, mean_model=None):
    machine = folder / "machine0"
    machine.mkdir(parents=True)
    for rank, accuracy in accuracies.items():
        results = {"test_acc": {"9": accuracy}, "total_bytes": {"9": 2048.0}}
        (machine / f"{rank}_results.json").write_text(json.dumps(results))
    if mean_model:
        final = {"mean_model_acc": {"9": mean_model}}
        (machine / "final.json").write_text(json.dumps(final))


def test_an_interval_is_over_seeds_by_students_t(rows):
    """60, 62, 64: standard deviation 2, t(0.975; 2) = 4.303, half = 4.303 x 2 / sqrt(3).

    The worst nodes are 50, 60, 62: deviation 6.43, half = 16.0. The spread over nodes is
    no part of it.
    """
    row = next(row for row in rows if row[0] == "JWINS-tenth")
    assert row[1:5] == ["3", "62.0 ± 5.0", "57.3 ± 16.0", "81.0 ± 2.5"]


def test_a_server_has_a_mean_model_alone(rows):
    row = next(row for row in rows if row[0] == "FedAvg")
    assert row[1:] == ["1", "-", "-", "86.0", "2.00 KiB"]
