"""Breaks when a batch script does not run what was asked for."""

import shlex
import sys

import pytest

from decentralizepy.commands.submit import main
from tests.support import ROOT
from tests.support.page import block

INI = "[RUN]\niterations = 3\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "run.ini").write_text(INI)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_script_has_all_options_and_flags(folder, capsys):
    options = ["--nodes", "3", "--partition", "gpu", "--time=5", "--exclusive"]
    flags = ["-ps", "4", "8", "8", "--set", "GRAPH.degree=2", "--checkpoint_every", "5"]
    assert main(["run.ini", *options, *flags, "-ld", "my runs/a", "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    for option in (
        "--nodes=3",
        "--partition=gpu",
        "--time=5",
        "--exclusive",
        "--requeue",
    ):
        assert f"#SBATCH {option}" in lines
    log_dir = folder / "my runs/a"
    assert f"#SBATCH --output={log_dir}/slurm-%j.out" in lines
    words = shlex.split(out[out.index("srun ") :].partition("&")[0].replace("\\\n", ""))
    run = words[words.index(sys.executable) :]
    assert run[1:5] == ["-m", "decentralizepy", "run", "run.ini"]
    told = (
        "--procs_per_machine 4 8 8 --set GRAPH.degree=2 --checkpoint_every 5 --log_dir"
    )
    own = ["--weights_store_dir", "$log_dir/weights", "${point[@]}", "${again[@]}"]
    assert run[5:] == [*told.split(), "$log_dir", *own]
    assert f"log_dir={shlex.quote(str(log_dir))}" in lines
    assert not log_dir.exists()


def test_the_users_options_win_as_the_last_ones(folder, capsys):
    main(["run.ini", "--signal", "B:USR2@600", "--dry-run"])
    lines = [each for each in capsys.readouterr().out.splitlines() if "signal=" in each]
    assert lines[-1] == "#SBATCH --signal=B:USR2@600"


def test_a_run_is_resumed_in_its_own_folder(folder, capsys):
    """In which it also looks for checkpoints if the job is requeued."""
    assert main(["run.ini", "--resume", "runs/a@20", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert f"log_dir={folder}/runs/a\n" in out
    assert "--resume runs/a@20 " in out


def test_each_point_of_a_sweep_is_a_task_of_an_array(folder, capsys):
    values = ["--set", "SHARING.alpha=0.1,0.5", "--set", "GRAPH.degree=2"]
    assert main(["run.ini", *values, "--array", "%1", "-ld", "s", "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "#SBATCH --array=0-1%1" in out
    assert f"#SBATCH --output={folder}/s/slurm-%A_%a.out" in out
    task = "1) log_dir=$log_dir/alpha=0.5; point=(--set SHARING.alpha=0.5 --set GRAPH.degree=2) ;;"
    assert task in out.splitlines()


def test_the_command_of_the_page_submits_a_task_for_each_point(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    words = shlex.split(block("array.sh"))[2:]
    assert main([*words, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "#SBATCH --array=0-3%2" in out
    assert (
        "3) log_dir=$log_dir/lr=0.1,seed=2; point=(--set OPTIMIZER_PARAMS.lr=0.1" in out
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["none.ini"], "none.ini: no such file"),
        (["run.ini", "--nodes", "3", "4"], "4: neither a flag nor the value of one"),
        (["run.ini", "--array"], "nothing to sweep over: expected --set SECTION.KEY="),
        (["run.ini", "-p", "gpu"], "-p: expected the long form of an option of sbatch"),
        (["run.ini", "--nodes", "3"], "sbatch: not found on this machine; --dry-run"),
        (
            ["run.ini", "--hosts", "a,b"],
            "--hosts a,b: follows from --nodes: srun starts",
        ),
        (["run.ini", "-ms", "3"], "--machines 3: follows from --nodes"),
        (["run.ini", "--array", "--resume", "a"], "--resume a: is for one run"),
    ],
)
def test_what_cannot_be_submitted(folder, capsys, monkeypatch, words, line):
    monkeypatch.setenv("PATH", "")
    assert main([*words, "--checkpoint_every", "5"]) == 2
    assert capsys.readouterr().err.startswith(line)
