"""A real Slurm; breaks when a job's launchers are not one run, or it does not resume."""

import json
import re
import sys

import pytest

from tests.support import ROOT
from tests.support.alike import assert_same_weights
from tests.support.launcher import make_experiment, run
from tests.support.namespaces import Cable, usable
from tests.support.page import block
from tests.support.slurm import missing, run_in_cluster

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]
ROUNDS = 50
SLOW = {
    "DATASET": {
        "dataset_package": "tests.support.slow",
        "dataset_class": "Interrupted",
        "who": "0",
        "seconds": "0.5",
    }
}
PATHS = f"--set COMMUNICATION.addresses_filepath={ROOT}/eval/ip.json"


def command(name):
    """Return a command of the page on clusters that runs in any folder, by its caption."""
    program = f"{sys.executable} -m decentralizepy"
    text = block(name).replace("decentralizepy", program, 1)
    return text.replace("eval/", f"{ROOT}/eval/")


def test_srun_starts_a_launcher_on_each_node(tmp_path):
    """All three nodes are one host with one address."""
    words = f"{command('srun.sh')} -is 2 -ld run {PATHS}"
    done = run_in_cluster(words.split(), tmp_path, PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr
    assert "machine 0 of 3 (from slurm: SLURM_PROCID" in done.stdout
    assert len([*(tmp_path / "run/weights").glob("1_weight_*.pt")]) == 20
    assert [each.name for each in tmp_path.iterdir()] == ["run"]


def test_a_submitted_job_runs_on_all_nodes(tmp_path):
    words = command("submit.sh").replace("--time 8:00:00", "--time 9 --wait")
    words += f" -is 4 -ld run {PATHS}"
    done = run_in_cluster(words.split(), tmp_path, PYTHONPATH=str(ROOT))
    (output,) = (tmp_path / "run").glob("slurm-*.out")
    assert done.returncode == 0, done.stderr + output.read_text()
    assert "machine 0 of 3 (from slurm" in output.read_text()
    assert len([*(tmp_path / "run/weights").glob("3_weight_*.pt")]) == 20


def test_a_job_that_slurm_refuses_ends_with_its_reason(tmp_path):
    submit = f"{sys.executable} -m decentralizepy submit {ROOT}/eval/config_digits.ini"
    words = f"{submit} --nodes 3 --partition unknown -ld run"
    done = run_in_cluster(words.split(), tmp_path, PYTHONPATH=str(ROOT))
    assert done.returncode == 1
    assert "invalid partition specified: unknown" in done.stderr
    assert [each.name for each in (tmp_path / "run").iterdir()] == ["submit.sh"]


# a job that fails early is not waited for
LEFT = "left() {{ squeue -h -j 1 2>/dev/null | grep -q .; }}"
LINES = "lines() {{ cat run/machine*/*_results.jsonl 2>/dev/null | wc -l; }}"
REQUEUE = f"""
{LEFT}
{LINES}
{{submit}}
while left && [ $(lines) -lt 20 ]; do sleep 0.1; done
scancel --batch --signal=USR2 1
while left; do sleep 1; done
"""


def test_a_requeued_job_resumes_after_one_round_of_all_with_the_same_bits(tmp_path):
    """It gets the signal that comes before the time limit, and has no other checkpoints."""
    words = make_experiment(tmp_path)(name="run", rounds=ROUNDS, **SLOW)
    folders = ["-ld", str(tmp_path / "alone"), "-wsd", str(tmp_path / "expected")]
    alone = run([*words, "-ta", "100", *folders])
    assert alone.returncode == 0, alone.stderr
    flags = f"-ps 1 2 1 -is {ROUNDS} -ta 100 -ld run"
    submit = f"{sys.executable} -m decentralizepy submit run.ini --nodes 3 --time 9"
    script = REQUEUE.format(submit=f"{submit} {flags}")
    done = run_in_cluster(["bash", "-c", script], tmp_path, PYTHONPATH=str(ROOT))
    text = (tmp_path / "run/slurm-1.out").read_text()
    assert "the time is up: requeued" in text, done.stderr + text
    (paused,) = set(re.findall(r"paused after round (\d+)", text))
    assert f"resuming after round {paused}" in text
    assert_same_weights(tmp_path / "run/weights", tmp_path / "expected")


SWEEP = f"""
{LEFT}
{{submit}}
while left && ! grep -q '"round": 4' sweep/lr=0.1/machine0/results.jsonl; do sleep 0.1; done
scancel --batch --signal=USR2 1_0
while left; do sleep 1; done
"""


def test_each_point_of_a_sweep_is_a_task_that_requeues_itself(tmp_path):
    make_experiment(tmp_path)(name="run", **SLOW)
    values = "--set OPTIMIZER_PARAMS.lr=0.1,0.2 --array --engine packed --workers 1"
    flags = f"-ps 4 -is {ROUNDS} -ta 100 -ld sweep {values}"
    submit = (
        f"{sys.executable} -m decentralizepy submit run.ini --nodes 1 --time 9 {flags}"
    )
    script = SWEEP.format(submit=submit)
    done = run_in_cluster(["bash", "-c", script], tmp_path, PYTHONPATH=str(ROOT))
    first = (tmp_path / "sweep/slurm-1_0.out").read_text()
    assert re.search(r"paused after round (\d+)[^$]*resuming after round \1", first), (
        done.stderr + first
    )
    assert "requeued" not in (tmp_path / "sweep/slurm-1_1.out").read_text()
    for point in ("lr=0.1", "lr=0.2"):
        assert json.loads((tmp_path / f"sweep/{point}/machine0/final.json").read_text())


ENDLESS = f"""
{LEFT}
{LINES}
{{submit}}
while left && [ $(lines) -lt 6 ]; do sleep 0.1; done
{{act}}
while pgrep -f '[p]ython -m decentralizepy run' >/dev/null; do sleep 0.2; done
scontrol show job 1 -o
"""
# all processes of the host m1, those of Slurm included; nothing is left that would answer;
# the launcher, which the step's daemon has started, is the oldest
DIE = """
victims=$(grep -lsz '^SLURMD_NODENAME=m1$' /proc/[0-9]*/environ | cut -d/ -f3 | sort -n)
step=$(ps -o ppid= -p $(echo $victims | cut -d' ' -f1))
kill -9 $(cat $(dirname $SLURM_CONF)/slurmd.m1.pid) $step $victims
"""


@pytest.mark.root
@pytest.mark.parametrize(
    ("act", "told"),
    [
        ("scancel 1", "JOB 1 ON m0 CANCELLED"),
        (DIE, "lost uid 1: nobody answers .*; on machine 1"),
    ],
    ids=["cancelled", "dead host"],
)
def test_a_job_ends_everywhere(tmp_path, act, told):
    """When it is cancelled, or a host dies, for which Slurm itself would wait 300 s."""
    if reason := usable():
        pytest.skip(reason)
    words = f"submit {ROOT}/eval/config_digits.ini --nodes 3 --time 9 -ps 1 -ld run"
    words += f" -is 100000 --set GRAPH.degree=2 {PATHS}"
    submit = f"{sys.executable} -m decentralizepy {words}"
    script = ["bash", "-c", ENDLESS.format(submit=submit, act=act)]
    with Cable(3) as cable:
        done = run_in_cluster(script, tmp_path, cable, PYTHONPATH=str(ROOT))
    text = (tmp_path / "run/slurm-1.out").read_text()
    assert re.search(told, text), text
    status = re.search(r" Restarts=(\d+) .* ExitCode=(\S+)", done.stdout)
    assert status, done.stdout + done.stderr
    assert status[1] == "0", "the job was put back into the queue"
    assert status[2] != "0:0"
    for machine in range(3):
        lines = (tmp_path / f"run/machine{machine}/0_results.jsonl").read_text()
        assert json.loads(lines.splitlines()[0])["round"] == 1
