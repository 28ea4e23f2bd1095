"""Three launchers at one rendezvous; breaks when they are not one run."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.support import ROOT
from tests.support.alike import assert_same_weights
from tests.support.launcher import DRAWN, debug
from tests.support.launchers import COUNT, ends
from tests.support.page import block
from tests.support.ports import free_offset

pytestmark = pytest.mark.processes


@pytest.mark.slow
def test_three_machines_get_the_weights_of_one(experiment, tmp_path, launch, meeting):
    """And its virtual time. They have unlike numbers of nodes, and no address file."""
    emulated = {"NETWORK": {"bandwidth": "0.008", "compute": "1", "watts": "2"}}
    assert debug([*experiment(name="alone", **emulated), "-ps", "4"]) == 0
    file = {"COMMUNICATION": {"addresses_filepath": str(tmp_path / "none.json")}}
    words = experiment(name="three", **file, **DRAWN, **emulated)
    words += [*meeting, "-ps", "1", "2", "1"]
    launchers = [launch([*words, "--machine-id", str(m)]) for m in range(COUNT)]
    (first, shown, _), *others = ends(launchers)
    assert first == 0
    assert f"machine 0 of 3; meeting at {meeting[1]}" in shown
    assert [(status, out) for status, out, _ in others] == [(0, "")] * 2
    folder = tmp_path / "three"
    made = {each.name for each in folder.iterdir()}
    assert made == {"machine0", "machine1", "machine2", "results.png", "weights"}
    assert_same_weights(folder / "weights", tmp_path / "alone/weights")
    expected = [tmp_path / "alone" / f"{rank}_results.json" for rank in range(4)]
    places = ((0, 0), (1, 0), (1, 1), (2, 0))
    found = [folder / f"machine{m}/{rank}_results.json" for m, rank in places]
    for one, other in zip(expected, found, strict=True):
        alone, together = (json.loads(each.read_text()) for each in (one, other))
        for metric in ("virtual_time", "energy"):
            assert together[metric] == alone[metric]


@pytest.mark.slow
def test_another_file_on_one_machine_ends_all(experiment, launch, meeting):
    words = experiment(name="run")
    other = experiment(name="other", OPTIMIZER_PARAMS={"lr": "0.5"})
    launchers = [
        launch([*each, *meeting, "--machine-id", str(machine)])
        for machine, each in enumerate((words, words, other))
    ]
    for status, _, errors in ends(launchers):
        assert status == 2, errors
        last = errors.splitlines()[-1]
        assert re.fullmatch(
            r"machine 2 \(.*\): \[OPTIMIZER_PARAMS\] lr = 0.5, but .* on machine 0 .*",
            last,
        )


def test_a_launcher_that_is_killed_at_the_rendezvous_ends_the_others(
    experiment, launch, meeting
):
    """Machine 1 is killed while all wait for machine 2."""
    words = [*experiment(), *meeting]
    first, second = (launch([*words, "--machine-id", str(m)]) for m in range(2))
    while "waiting for machine 2" not in first.stderr.readline():
        assert first.poll() is None
    second.kill()
    ((status, _, errors),) = ends([first])
    assert status == 3
    assert re.search(r"machine 1 \(.*\): its launcher has died", errors)


@pytest.mark.slow
def test_a_transport_within_one_machine_is_refused(experiment, launch, meeting):
    words = [*experiment(comm="IPC"), *meeting]
    launchers = [launch([*words, "--machine-id", str(m)]) for m in range(COUNT)]
    for status, _, errors in ends(launchers):
        assert status == 2
        assert "comm_class = IPC: expected TCP, which connects machines" in errors


@pytest.mark.slow
def test_the_command_of_the_page_runs_on_all_machines(tmp_path, launch):
    """Only its port is another, and its rounds are fewer."""
    port = free_offset(1)
    command = block("rendezvous.sh").replace("29400", str(port))
    program = f"{sys.executable} -m decentralizepy"
    words = command.replace("decentralizepy", program, 1).split()
    flags = ["-is", "2", "-ld", str(tmp_path / "run")]
    told = ends([launch([*words, *flags]) for _ in range(COUNT)])
    assert [status for status, _, _ in told] == [0] * COUNT, told
    assert len([*(tmp_path / "run/weights").glob("1_weight_*.pt")]) == 20


PROGRAMS = {
    "python": f'#!/bin/sh\nexec {sys.executable} "$@"\n',
    "decentralizepy": f'#!/bin/sh\nexec {sys.executable} -m decentralizepy "$@"\n',
}


@pytest.fixture
def venv(tmp_path):
    """An environment in which all is installed, as eval/venv.sh sees it."""
    made = tmp_path / "venv"
    (made / "bin").mkdir(parents=True)
    for name, text in PROGRAMS.items():
        (made / "bin" / name).write_text(text)
        (made / "bin" / name).chmod(0o755)
    words = ["sh", "-c", "cat setup.cfg constraints.txt | sha256sum"]
    stamp = subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    (made / ".installed-core").write_bytes(stamp.stdout)
    return made


@pytest.mark.slow
def test_the_script_runs_by_hand_on_all_machines(tmp_path, launch, venv):
    """Without an address file; only its port and numbers are others."""
    command = block("run.sh").replace("29400", str(free_offset(1)))
    command = command.replace("-ps 4 8 8", "-ps 1 2 1 --set GRAPH.degree=2")
    flags = [
        "-is",
        "2",
        "-ld",
        str(tmp_path / "run"),
        "-wsd",
        str(tmp_path / "weights"),
    ]
    environ = {**os.environ, "VENV": str(venv)}
    told = ends([launch([*command.split(), *flags], env=environ) for _ in range(COUNT)])
    assert [status for status, _, _ in told] == [0] * COUNT, told
    assert sorted(bool(shown) for _, shown, _ in told) == [False, False, True]
    assert len([*(tmp_path / "weights").glob("1_weight_*.pt")]) == 4


@pytest.mark.slow
def test_torchrun_starts_a_launcher_on_each_machine(tmp_path, launch):
    """The command of the page, at another port; the two agents are two machines."""
    command = block("torchrun.sh").replace("29500", str(free_offset(1)))
    words = [sys.executable, "-m", "torch.distributed.run", *command.split()[1:]]
    flags = ["-is", "2", "-ld", str(tmp_path / "run")]
    told = ends([launch([*words, *flags]) for _ in range(2)])
    assert [status for status, _, _ in told] == [0, 0], told
    assert "machine 0 of 2 (from torchrun: RANK" in told[0][1] + told[1][1]
    assert len([*(tmp_path / "run/weights").glob("1_weight_*.pt")]) == 12


def test_a_launcher_ends_with_the_torchrun_that_has_started_it(experiment, launch):
    """Which is killed, and here only a process that sets the same variables."""
    port = str(free_offset(1))
    place = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    environ = {**place, "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "r1"}
    start = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    words = [sys.executable, "-c", start, *experiment()]
    starter = launch(words, env={**os.environ, "PYTHONUNBUFFERED": "1", **environ})
    assert "machine 0 of 2 (from torchrun" in starter.stdout.readline()
    starter.kill()
    # once nobody has the other end of the pipe
    ((_, _, errors),) = ends([starter])
    assert "stopped by SIGTERM" in errors


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("mpirun"), reason="needs openmpi-bin")
def test_mpirun_starts_a_launcher_for_each_rank(tmp_path, launch):
    """The command of the page, in a folder that all ranks share."""
    program = f"{sys.executable} -m decentralizepy"
    command = block("mpirun.sh").replace("decentralizepy", program, 1)
    command = command.replace("eval/", f"{ROOT}/eval/")
    command += (
        f" -is 2 -ld run --set COMMUNICATION.addresses_filepath={ROOT}/eval/ip.json"
    )
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    environ = {**os.environ, **root, "PYTHONPATH": str(ROOT)}
    ((status, out, errors),) = ends([launch(command.split(), tmp_path, env=environ)])
    assert status == 0, errors
    assert "machine 0 of 3 (from mpi: OMPI_COMM_WORLD_RANK" in out
    assert len([*(tmp_path / "run/weights").glob("1_weight_*.pt")]) == 20
    assert [each.name for each in tmp_path.iterdir()] == ["run"]


@pytest.mark.slow
def test_the_network_is_checked_by_the_same_flags(experiment, launch, meeting):
    """Nothing is trained, and nothing written; machine 0 alone prints a table."""
    words = experiment()
    words[words.index("run") : words.index("-cf") + 1] = ["check"]
    words = [*words[: words.index("-is")], *meeting, "--network"]
    told = ends([launch([*words, "--machine-id", str(m)]) for m in range(COUNT)])
    assert [status for status, _, _ in told] == [0] * COUNT, told
    (_, shown, _), *others = told
    assert "to 2" in shown
    assert shown.count("machine ") >= COUNT
    assert [out for _, out, _ in others] == [""] * 2
