"""Breaks when a sweep does not run every point once, or a mistake in it is not one line."""

import json
import subprocess
import sys

import pytest

from decentralizepy.commands import sweep
from decentralizepy.sweeps import record
from tests.support import LIMIT_S, ROOT


@pytest.fixture
def toy(experiment, tmp_path):
    """Return a function that sweeps the toy with some words, in a process of its own."""
    words = experiment(comm="IPC", rounds=2, COMMUNICATION={"addresses_filepath": ""})
    ini = words[words.index("-cf") + 1]
    flags = [ini, "-is", "2", "-ta", "1", "--engine", "debug"]

    def toy(*more):
        out = ["-o", str(tmp_path / "out")]
        command = [sys.executable, "-m", "decentralizepy", "sweep", *flags, *out, *more]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S
        )

    toy.flags = flags
    return toy


IMPORTED = """
import sys
from decentralizepy import cli
from decentralizepy.sweeps.pool import Pool
flags, folder = sys.argv[1:-1], sys.argv[-1]
def run(self, jobs):
    before = {*sys.modules}
    try:
        cli.main(["run", *flags, "-ld", folder, "-wsd", folder])
    except SystemExit:
        print("imported", [name for name in sys.modules if name not in before
                           and name.startswith("decentralizepy")])
    return []
Pool.run = run
cli.main(["sweep", *flags, "--seeds", "1,2", "-o", f"{folder}/sweep"])
"""


@pytest.mark.processes
def test_runs_are_of_the_code_that_was_there_at_the_start(toy, tmp_path):
    """A run that imports a module of its own may find one that was edited meanwhile."""
    words = [*toy.flags, "--figures", "on", str(tmp_path / "run")]
    command = [sys.executable, "-c", IMPORTED, *words]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S
    )
    assert "imported []" in done.stdout, done.stdout + done.stderr


@pytest.mark.processes
@pytest.mark.slow
def test_a_sweep_carries_on_past_a_failed_point_and_is_resumed(toy, tmp_path):
    """The class Dying fails in its third round, Points does not."""
    words = ["--set", "DATASET.dataset_class=Dying,Points", "-is", "3", "--jobs", "2"]
    done = toy(*words, "--seeds", "1")
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    out = tmp_path / "out"
    assert lines[0] == f"2 points in {out}: 0 done, 2 to run"
    failed = next(line for line in lines if line.startswith("[") and "Dying" in line)
    assert "failed (1)" in failed
    assert str(out / "Dying,seed=1" / "output.txt") in failed
    assert lines[-1] == f"compare them: decentralizepy compare {out}"
    found = {name: record.read(out / f"{name},seed=1") for name in ("Dying", "Points")}
    assert {name: each.status for name, each in found.items()} == {
        "Dying": "failed",
        "Points": "done",
    }
    assert (out / "Points,seed=1/machine0/0_results.json").exists()
    order = json.loads((out / "sweep.json").read_text())
    assert order == {"points": ["Dying,seed=1", "Points,seed=1"]}
    again = toy(*words, "--seeds", "1", "--dry-run")
    told = [line for line in again.stdout.splitlines() if not line.startswith(" ")]
    assert told == ["Dying,seed=1: to run", "Points,seed=1: done"]


MISTAKES = {
    "no value varies": ([], "nothing to sweep over"),
    "no such key": (
        ["--set", "OPTIMIZER_PARAMS.momentm=1,2"],
        "[OPTIMIZER_PARAMS] momentm: not an option of SGD; did you mean momentum?",
    ),
    "no such flag": (["--sedes", "1..3"], "--sedes: no such flag"),
    "a folder": (["--seeds", "1,2", "-ld", "x"], "--log_dir: a sweep has none"),
    "seeds": (["--seeds", "1-3"], "--seeds 1-3: expected 1..5 or 1,2,7"),
    "jobs": (["--seeds", "1,2", "--jobs", "0"], "--jobs 0: expected an integer"),
    "machines": (["--seeds", "1,2", "-ms", "2"], "a sweep runs on one machine"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line(name, experiment, capsys, monkeypatch):
    more, cause = MISTAKES[name]
    monkeypatch.chdir(ROOT)
    words = experiment()
    ini = words[words.index("-cf") + 1]
    try:
        status = sweep.main([ini, *more])
    except SystemExit as end:
        status = end.code
    assert status == 2
    said = capsys.readouterr()
    assert cause in said.err
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


def test_an_ini_file_that_is_missing_is_told(capsys):
    assert sweep.main(["no.ini", "--set", "A.x=1,2"]) == 2
    assert capsys.readouterr().err.startswith("no.ini: no such file")


def test_the_help_has_an_example(capsys):
    with pytest.raises(SystemExit):
        sweep.main(["-h"])
    said = capsys.readouterr().out
    assert "decentralizepy sweep config.ini --set" in said
    assert "--log_dir" not in said  # a sweep has none
    assert "(default: )" not in said
