"""A real Slurm; breaks when a job's launchers are not one run, or it does not resume."""

import re
import sys

import pytest

from tests.support import ROOT
from tests.support.page import block
from tests.support.slurm import missing, run_in_cluster

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]
RUN = f"{sys.executable} -m decentralizepy run"
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
    words = command("submit.sh").replace("--time 8:00:00", "--time 5 --wait")
    words += f" -is 4 -ld run {PATHS}"
    done = run_in_cluster(words.split(), tmp_path, PYTHONPATH=str(ROOT))
    (output,) = (tmp_path / "run").glob("slurm-*.out")
    assert done.returncode == 0, done.stderr + output.read_text()
    assert "machine 0 of 3 (from slurm" in output.read_text()
    assert len([*(tmp_path / "run/weights").glob("3_weight_*.pt")]) == 20


REQUEUE = """
{submit}
until ls run/machine*/checkpoints/*/4.safetensors >/dev/null 2>&1; do sleep 0.1; done
scancel --batch --signal=USR2 1
while squeue -h -j 1 | grep -q .; do sleep 1; done
"""


def test_a_requeued_job_resumes_from_its_checkpoints(tmp_path):
    """It gets the signal that comes before the time limit, but once it has checkpoints."""
    file, degree = f"{ROOT}/eval/config_digits.ini", "--set GRAPH.degree=2"
    flags = f"-ps 2 -is 400 --checkpoint_every 4 -ld run {degree} {PATHS}"
    submit = (
        f"{sys.executable} -m decentralizepy submit {file} --nodes 3 --time 5 {flags}"
    )
    script = REQUEUE.format(submit=submit)
    done = run_in_cluster(["bash", "-c", script], tmp_path, PYTHONPATH=str(ROOT))
    text = (tmp_path / "run/slurm-1.out").read_text()
    assert "the time is up: requeued" in text, done.stderr + text
    assert re.search(r"resuming after round \d+", text), text
    assert len([*(tmp_path / "run/weights").glob("399_weight_*.pt")]) == 6
