"""Real processes and sockets; breaks when a run hangs, or its exit status is wrong."""

import configparser
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from types import SimpleNamespace

import psutil
import pytest
import torch

from decentralizepy.datasets.generated import mark
from decentralizepy.launcher import watch
from tests.support import LIMIT_S, ROOT
from tests.support.launcher import DRAWN, NODES, results, run, weights

PATHS = {"PYTHONPATH": str(ROOT)}
pytestmark = pytest.mark.processes


@pytest.mark.slow
def test_same_seed_same_files_whatever_the_transport(experiment, tmp_path):
    for name, comm in (("first", "TCP"), ("second", "TCP"), ("third", "IPC")):
        done = run(experiment(comm, name=name))
        assert done.returncode == 0, done.stderr
    first = results(tmp_path / "first")
    assert len(first) == NODES
    assert set(first["0_results.json"]["test_acc"]) == {"5", "10"}
    final = weights(tmp_path / "first" / "weights")
    assert len(final) == 2 * NODES
    for name in ("second", "third"):
        assert results(tmp_path / name) == first
        others = weights(tmp_path / name / "weights")
        assert all(torch.equal(final[key], others[key]) for key in final)


@pytest.mark.slow
def test_a_plain_module_of_torch_is_trained_and_its_weights_written(
    experiment, tmp_path
):
    done = run(experiment(rounds=2, DATASET={"model_class": "Plain"}))
    assert done.returncode == 0, done.stderr
    final = weights(tmp_path / "run" / "weights")
    assert {key.rpartition(" ")[2] for key in final} == {"weight", "bias"}
    assert len(final) == 2 * NODES


IN_A_THREAD = """
import sys, threading
from decentralizepy.launcher import launch

statuses = []

def target():
    try:
        launch(argv=sys.argv[1:])
    except SystemExit as end:
        statuses.append(end.code)

thread = threading.Thread(target=target)
thread.start()
thread.join()
sys.exit(statuses[0])
"""


@pytest.mark.slow
def test_a_launch_in_a_thread_runs_to_its_end(experiment, tmp_path):
    """As from a notebook's executor; only the main thread may set signal handlers."""
    script = tmp_path / "thread.py"
    script.write_text(IN_A_THREAD)
    done = run(experiment(rounds=2, driver=str(script)), env=os.environ | PATHS)
    assert done.returncode == 0, done.stderr
    assert len(results(tmp_path / "run")) == NODES


def test_the_log_tells_start_rounds_and_end(experiment, tmp_path):
    done = run(experiment(rounds=5))
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "run" / "1.log").read_text().splitlines()
    told = [line.split("] ", 1)[1] for line in lines if "[INFO]" in line]
    assert told[0] == ("built DPSGDNode, uid 1 (rank 1, machine 0); greeting [0, 2]")
    assert told[1] == "passed the start barrier"
    assert told[2].startswith("round 1: time ")
    assert "train_loss " in told[2]
    assert "total_bytes " in told[2]
    assert "test_acc " in told[6]
    assert told[7:] == ["finished"]


@pytest.mark.slow
def test_a_run_says_what_it_made(experiment, tmp_path):
    done = run(experiment(**DRAWN))
    assert "accuracy" in done.stdout
    assert "results.png" in done.stdout
    made = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"args.json", "run.ini", "0.log", "0_results.json", "results.png"} <= made
    arguments = json.loads((tmp_path / "run" / "args.json").read_text())
    assert arguments["server_rank"] == -1


def test_the_final_models_are_measured_together(experiment, tmp_path):
    """In every node's results, on the screen, and without a message more."""
    done = run(experiment())
    assert done.returncode == 0, done.stderr
    assert not list((tmp_path / "run").glob("*.png"))  # figures = off
    assert "mean model" in done.stdout
    tables = [*results(tmp_path / "run").values()]
    figures = ("mean_model_acc", "mean_model_loss", "consensus_distance")
    for name in figures:
        assert len({table[name]["10"] for table in tables}) == 1
    worst = min(table["test_acc"]["10"] for table in tables)
    assert {table["worst_test_acc"]["10"] for table in tables} == {worst}


@pytest.mark.slow
def test_a_data_set_that_cannot_be_had_again_costs_no_results(experiment, tmp_path):
    """What the launcher cannot test is said, with the traceback; the run is whole."""
    done = run(experiment(rounds=5, DATASET={"dataset_class": "Shy"}))
    assert done.returncode == 0, done.stderr
    assert "Traceback" in done.stderr
    assert "the toy tests in nodes alone" in done.stderr
    assert "warning: the mean model was not tested" in done.stderr
    assert set(results(tmp_path / "run")["3_results.json"]["test_acc"]) == {"5"}


def test_a_run_says_that_its_data_are_generated(experiment, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    mark(data, seed=1)
    done = run(experiment(rounds=2, DATASET={"test_dir": str(data)}))
    assert "Points (generated)" in done.stdout
    written = json.loads((tmp_path / "run" / "dataset.json").read_text())
    assert written == {"class": "Points", "generated": True}


@pytest.mark.slow
def test_the_driver_takes_upstreams_flags(experiment, tmp_path):
    graph = tmp_path / "ring.edges"
    graph.write_text("4\n0 1\n1 2\n2 3\n3 0\n")
    flags = f"-mid 0 -ps 4 -ms 1 -gf {graph} -gt edges -tea 5 -ll DEBUG -ro 0"
    flags += " -sm 0 -sr -1 -wr 1.0"
    done = run(experiment(driver="eval/testing.py") + flags.split())
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "ring.edges").exists()
    assert set(results(tmp_path / "run")["0_results.json"]["train_loss"]) == {"5", "10"}


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("raise", "failed in round 3"),
        ("kill", "was killed by SIGKILL"),
        ("segfault", "was killed by SIGSEGV"),
    ],
)
@pytest.mark.slow
def test_a_node_that_dies_ends_all_and_is_named(experiment, tmp_path, how, cause):
    dying = {"dataset_class": "Dying", "how": how}
    done = run(experiment(rounds=1000, DATASET=dying))
    assert done.returncode == 1
    assert f"uid 2 (rank 2, machine 0) {cause}" in done.stderr
    if how == "raise":
        assert "toy.py:" in done.stderr.splitlines()[0]
        assert "Traceback" in done.stderr
        assert "RuntimeError: the toy broke" in done.stderr
    else:
        assert "Traceback" not in done.stderr
    if how == "segfault":
        assert "Segmentation fault" in done.stderr
    tables = results(tmp_path / "run")
    assert set(tables) == {f"{rank}_results.json" for rank in range(NODES)}
    assert set(tables["2_results.json"]["total_bytes"]) == {"1", "2"}
    assert not survivors(str(tmp_path))


def survivors(word):
    """Return the processes whose command line names ``word``."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(word in part for part in process.cmdline()):
                found.append(process)
    return found


def start_endless(words, tmp_path):
    process = subprocess.Popen(
        words,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    lines = [tmp_path / "run" / f"{rank}_results.jsonl" for rank in range(NODES)]
    deadline = time.monotonic() + LIMIT_S
    while not all(path.exists() and path.stat().st_size for path in lines):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
)
def test_a_signal_stops_all_with_whole_results(experiment, tmp_path, number, status):
    words = experiment(rounds=10_000, DATASET={"dataset_class": "Endless"})
    process = start_endless(words, tmp_path)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    _, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == status
    assert errors.startswith("stopped by ")
    assert "Traceback" not in errors
    assert not survivors(str(tmp_path))
    assert all(table["total_bytes"] for table in results(tmp_path / "run").values())


@pytest.mark.slow
def test_a_second_launch_or_a_resume_beside_a_run_is_refused(experiment, tmp_path):
    words = experiment(rounds=10_000, DATASET={"dataset_class": "Endless"})
    process = start_endless(words, tmp_path)
    try:
        for flags in (["--overwrite"], ["--resume", str(tmp_path / "run")]):
            done = run([*words, *flags])
            assert done.returncode == 2
            told = (
                f"another launcher runs in it (machine 0, host {socket.gethostname()}"
            )
            assert f"{told}, pid {process.pid}, since" in done.stderr
        assert process.poll() is None
    finally:
        process.terminate()
        process.communicate(timeout=LIMIT_S)
    assert all(table["total_bytes"] for table in results(tmp_path / "run").values())


def test_a_log_folder_that_is_removed_ends_the_run(experiment, tmp_path):
    words = experiment(rounds=10_000, DATASET={"dataset_class": "Endless"})
    process = start_endless(words, tmp_path)
    (tmp_path / "run").rename(tmp_path / "gone")
    _, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 1
    assert f"--log_dir {tmp_path / 'run'}: was removed during the run" in errors
    assert not survivors(str(tmp_path))


def test_an_ini_file_is_not_written_over_by_its_own_run(experiment, tmp_path):
    words = experiment(rounds=2)
    own = (tmp_path / "run.ini").rename(tmp_path / "0.log")
    content = own.read_text()
    done = run([*words, "-cf", str(own), "-ld", str(tmp_path)])
    assert done.returncode == 2
    assert f"{own} is read by this run, which would write over it" in done.stderr
    assert own.read_text() == content


def test_nodes_do_not_outlive_a_launcher_that_is_killed(experiment, tmp_path):
    words = experiment(rounds=10_000, DATASET={"dataset_class": "Endless"})
    process = start_endless(words, tmp_path)
    assert len(survivors(str(tmp_path))) == NODES + 1
    process.kill()
    process.communicate(timeout=LIMIT_S)
    deadline = time.monotonic() + LIMIT_S
    while survivors(str(tmp_path)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_a_peer_that_hangs_is_named(experiment):
    hanging = {"dataset_class": "Dying", "how": "stop"}
    words = experiment(rounds=1000, DATASET=hanging, FAULTS={"peer_timeout": "3"})
    done = run(words)
    assert done.returncode == 3
    # whoever times out first may have waited for a node that waits for uid 2 itself
    assert "PeerTimeout: waiting on DPSGD for uid " in done.stderr
    assert "uid 2 (rank 2, machine 0) is stopped, as by SIGSTOP" in done.stderr


@pytest.mark.slow
def test_where_a_node_hangs_is_told_while_the_others_wait(experiment, tmp_path):
    hanging = {"dataset_class": "Dying", "how": "hang"}
    # uid 0 may wait for its turn to evaluate, which uid 2 has, for a quarter of peer_timeout
    faults = {"warn_after": "0.5", "peer_timeout": "40"}
    words = experiment(rounds=1000, DATASET=hanging, FAULTS=faults)
    told = r"waiting for uid (0, )?2 for .*; uid 2 is at \S+toy\.py:\d+ in die$"
    with subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        limit = threading.Timer(LIMIT_S, process.terminate)
        limit.start()
        found = any(re.search(told, line) for line in process.stderr)
        limit.cancel()
        process.terminate()
        assert found
    assert "in die" in (tmp_path / "run" / "2.log").read_text()


@pytest.mark.slow
def test_the_stack_of_a_node_that_hangs_is_told(experiment):
    hanging = {"dataset_class": "Dying", "how": "hang"}
    words = experiment(rounds=1000, DATASET=hanging, FAULTS={"peer_timeout": "3"})
    done = run(words)
    assert done.returncode == 3
    _, _, stack = done.stderr.partition("uid 2 (rank 2, machine 0) hangs here:\n")
    assert 'toy.py", line' in stack.splitlines()[0]
    assert done.stderr.count("hangs here") == 1  # the others wait


def test_a_screen_that_is_closed_ends_no_run(experiment, tmp_path):
    """As with ``| head -1``, and with a terminal that knows ASCII alone."""
    reading, writing = os.pipe()
    os.close(reading)
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    with os.fdopen(writing, "wb") as closed, open("/dev/full", "wb") as full:
        done = subprocess.run(
            experiment(rounds=5, **DRAWN),
            cwd=ROOT,
            env=ascii_only,
            stdout=closed,
            stderr=full,
            timeout=LIMIT_S,
        )
    assert done.returncode == 0
    assert (tmp_path / "run" / "results.png").exists()


def test_a_run_without_any_checkpoint_ends_with_1(experiment, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoints").touch()  # no folder can be made
    done = run(experiment(rounds=2, RUN={"checkpoint_every": "1"}))
    assert done.returncode == 1
    assert "no checkpoint could be written" in done.stderr
    assert "rank 0, 1, 2, 3" in done.stderr
    assert len(results(tmp_path / "run")) == 4  # which are whole


def test_a_port_in_use_ends_before_anything_starts(experiment, tmp_path):
    words = experiment()
    config = configparser.ConfigParser()
    config.read(tmp_path / "run.ini")
    port = int(config["COMMUNICATION"]["offset"]) + 5
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        done = run(words)
    assert done.returncode == 2
    assert f"port {port} of 127.0.0.1 cannot be used" in done.stderr


def test_an_unconnected_graph_that_is_asked_for_is_a_warning(experiment, tmp_path):
    graph = tmp_path / "islands.edges"
    graph.write_text("4\n0 1\n2 3\n")
    done = run([*experiment(rounds=2), "-gf", str(graph), "--allow_disconnected"])
    assert done.returncode == 0
    assert "warning: the graph is not connected: parts of 2, 2 nodes" in done.stderr


@pytest.mark.slow
def test_two_machines_wait_for_each_other(experiment, tmp_path):
    """Two launchers, each with an address of its own, one two seconds late."""
    words = experiment(rounds=5, RUN={"procs_per_machine": "2", "machines": "2"})
    (tmp_path / "ip.json").write_text('{"0": "127.0.0.1", "1": "127.0.0.2"}')
    launchers = []
    for machine in ("0", "1"):
        place = ["-mid", machine, "-ld", str(tmp_path / f"machine{machine}")]
        launchers.append(subprocess.Popen([*words, *place], cwd=ROOT))
        time.sleep(2)
    assert [launcher.wait(LIMIT_S) for launcher in launchers] == [0, 0]
    for machine in (0, 1):
        assert len(results(tmp_path / f"machine{machine}")) == 2
    assert len(weights(tmp_path / "run" / "weights")) == 2 * NODES


@pytest.mark.slow
def test_machines_may_have_unequal_numbers_of_processes(experiment, tmp_path):
    manual = {
        "mapping_package": "decentralizepy.mappings.Manual",
        "mapping_class": "Manual",
    }
    counts = {"procs_per_machine": "1 3", "machines": "2"}
    words = experiment(rounds=2, RUN=counts, MAPPING=manual)
    (tmp_path / "ip.json").write_text('{"0": "127.0.0.1", "1": "127.0.0.2"}')
    launchers = [
        subprocess.Popen(
            [*words, "-mid", machine, "-ld", str(tmp_path / machine)], cwd=ROOT
        )
        for machine in ("0", "1")
    ]
    assert [launcher.wait(LIMIT_S) for launcher in launchers] == [0, 0]
    assert [len(results(tmp_path / machine)) for machine in ("0", "1")] == [1, 3]


def test_figures_are_prepared_in_the_second_half_of_a_run():
    """Earlier, the import would compete with the nodes that start."""
    progress = SimpleNamespace(iterations=100, elsewhere=0)
    rounds, when = [1, 50, 51], []

    def wait(timeout):
        progress.slowest = rounds.pop(0) if rounds else None
        return progress.slowest is None

    watch(
        SimpleNamespace(wait=wait, alive=1),
        SimpleNamespace(progress=progress, update=lambda alive: None),
        lambda: None,
        SimpleNamespace(start=lambda: when.append(progress.slowest)),
    )
    assert when == [51]
