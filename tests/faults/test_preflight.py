"""Runs that are too large, ports and folders in use: refused before anything starts."""

import contextlib
import json
import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.launcher import results, run

pytestmark = pytest.mark.processes
CGROUPS = Path("/sys/fs/cgroup")
MIB = 1 << 20
FULL = {
    "graph_package": "decentralizepy.graphs.FullyConnected",
    "graph_class": "FullyConnected",
}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def limited(shell, words):
    """Return the words that run ``words`` after a line of shell."""
    return ["bash", "-c", f"{shell}; exec {shlex.join(words)}"]


def refused(words, folder, *findings):
    """Check that a run ends at once, says why, and has started no node."""
    done = run(words)
    assert done.returncode == 2, done.stdout + done.stderr
    for finding in findings:
        assert finding in done.stderr
    assert "Traceback" not in done.stderr
    assert not [*folder.glob("**/*.log")]


@contextlib.contextmanager
def group(controller, file, limit):
    """Make a control group of version 1; give the line of shell that enters it."""
    folder = CGROUPS / controller / f"decentralizepy-{os.getpid()}"
    try:
        folder.mkdir()
        (folder / file).write_text(str(limit))
    except OSError as error:
        pytest.skip(f"no control groups of version 1: {error}")
    try:
        yield f"echo $$ > {folder}/cgroup.procs"
    finally:
        folder.rmdir()


@as_root
@pytest.mark.root
def test_a_group_of_too_little_memory(experiment, tmp_path):
    """16 nodes of 20 MiB do not go into 400 MiB, of which the launcher has half."""
    with group("memory", "memory.limit_in_bytes", 400 * MIB) as enter:
        words = experiment("IPC", RUN={"procs_per_machine": "16"})
        refused(
            limited(enter, words),
            tmp_path,
            "memory: 16 nodes need about 320",
            "memory.limit_in_bytes); --engine packed does with less, --force starts",
        )


@as_root
@pytest.mark.root
def test_a_group_of_enough_memory(experiment):
    with group("memory", "memory.limit_in_bytes", 400 * MIB) as enter:
        done = run(limited(enter, experiment("IPC", rounds=2)))
        assert done.returncode == 0, done.stderr


@as_root
@pytest.mark.root
def test_processes_that_the_kernel_killed_for_memory_are_counted():
    """What a launcher asks before and after a node was killed by signal 9."""
    code = (
        "import os, sys\n"
        "from decentralizepy.machine import Machine\n"
        "before = Machine().oom_kills()\n"
        "child = os.fork()\n"
        "if not child: bytearray(500 << 20); os._exit(0)\n"
        "status = os.waitpid(child, 0)[1]\n"
        "print(os.waitstatus_to_exitcode(status), Machine().oom_kills() - before)\n"
    )
    with group("memory", "memory.limit_in_bytes", 64 * MIB) as enter:
        done = run(limited(enter, [sys.executable, "-c", code]))
    assert done.stdout.split() == ["-9", "1"], done.stderr


@as_root
@pytest.mark.root
@pytest.mark.slow
def test_a_group_of_too_few_processes(experiment, tmp_path):
    """Refused, but with --force it runs: four nodes of this size have 12 threads."""
    with group("pids", "pids.max", 22) as enter:
        words = limited(enter, experiment("IPC", rounds=2))
        finding = "4 nodes need about 24 processes and threads"
        way = "pids.max); --engine packed does with less, --force starts anyway"
        refused(words, tmp_path, finding, way)
        done = run(limited(enter, [*experiment("IPC", rounds=2), "--force"]))
        assert done.returncode == 0, done.stderr
        assert f"warning: processes: {finding}" in done.stderr


def test_too_few_open_files(experiment, tmp_path):
    """A node with 11 peers needs some 110 files."""
    words = experiment("IPC", GRAPH=FULL, RUN={"procs_per_machine": "12"})
    finding = "open files: a node with 11 peers, one of 12 on this machine"
    refused(limited("ulimit -n 64", words), tmp_path, finding)


def test_a_soft_limit_of_open_files_is_raised(experiment):
    """Fails if nodes start with the 24 files of the soft limit."""
    done = run(limited("ulimit -Sn 24", experiment("IPC", rounds=2)))
    assert done.returncode == 0, done.stderr


@as_root
@pytest.mark.root
def test_a_user_of_too_few_processes():
    """Nobody may have 10 processes; root, whom no limit holds, as many as it likes."""
    code = (
        "import os, psutil, resource\n"
        "from decentralizepy.runs import preflight\n"
        "load = preflight.Load(4, 4, 0, 0, '')\n"
        "resource.setrlimit(resource.RLIMIT_NPROC, (5, 10))\n"
        "print(*preflight.threads(load, preflight.user_threads()))\n"
        "os.setuid(65534)\n"
        "print(*preflight.threads(load, preflight.user_threads()))\n"
    )
    done = run([sys.executable, "-c", code])
    root, nobody = done.stdout.splitlines()
    assert root == "", done.stderr
    assert nobody.startswith("processes: 4 nodes need about 24 processes and threads")
    assert nobody.endswith("(ulimit -Hu)")


@as_root
@pytest.mark.root
def test_a_disk_that_is_too_small(experiment, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no tmpfs can be mounted")
    try:
        words = experiment("IPC", rounds=10_000)
        folders = ["-ld", str(disk / "logs"), "-wsd", str(disk / "weights")]
        finding = f"disk: {disk}/logs and {disk}/weights need about 11.4 MiB"
        refused([*words, *folders], tmp_path, finding)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_all_ports_in_use_are_named(experiment, tmp_path):
    """Not one after another, a run each."""
    words = experiment()
    offset = int(
        next(
            line.split("=")[1]
            for line in (tmp_path / "run.ini").read_text().splitlines()
            if line.startswith("offset")
        )
    )
    taken = [offset + 1, offset + 5]
    with contextlib.ExitStack() as stack:
        for port in taken:
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", port))
            probe.listen()
        lines = [f"port {port} of 127.0.0.1 cannot be used" for port in taken]
        refused(words, tmp_path, *lines)


@pytest.mark.slow
def test_results_of_another_run_are_not_mixed_with(experiment, tmp_path):
    """The folder is left as it was."""
    words = experiment("IPC", rounds=2)
    assert run(words).returncode == 0
    lines = tmp_path / "run" / "0_results.jsonl"
    first = lines.read_bytes()
    done = run(words)
    assert done.returncode == 2
    assert done.stderr == (
        f"--log_dir {tmp_path}/run: contains the results of another run, such as"
        " 0_results.json: --overwrite replaces it\n"
    )
    assert lines.read_bytes() == first
    done = run([*words, "--overwrite"])
    assert done.returncode == 0, done.stderr
    rounds = [json.loads(line)["round"] for line in lines.read_text().splitlines()]
    assert rounds == [1, 2]
    assert len(results(tmp_path / "run")) == 4
    assert lines.read_bytes() != first  # the times differ
