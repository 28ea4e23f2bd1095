"""Breaks when ``--engine debug`` cannot be debugged, or fails otherwise than processes."""

import re
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.launcher import NODES, results, run

pytestmark = pytest.mark.processes
DEBUG = ("--engine", "debug")
MODULE = "tests.support.debugged"
HERE = {"training_package": MODULE}


def trainer(name):
    return {"TRAIN_PARAMS": {**HERE, "training_class": name}}


def test_a_bug_is_shown_with_its_line_and_ends_the_run(experiment):
    done = run([*experiment(**trainer("Broken")), *DEBUG])
    assert done.returncode == 1
    line = Path(ROOT, "tests", "support", "debugged.py")
    assert re.match(rf"{line}:\d+: in train: ZeroDivisionError: ", done.stderr)
    assert "uid 1 (rank 1, machine 0) failed in round 1" in done.stderr


def test_the_debugger_opens_where_a_plug_in_fails(experiment):
    done = run([*experiment(**trainer("Broken")), "--pdb"], input="p wrong * 2\nq\n")
    assert done.returncode == 1
    assert "(Pdb) 42" in done.stdout
    assert "debugged.py(" in done.stdout


def test_a_breakpoint_stops_where_it_stands(experiment):
    words = [*experiment(rounds=1, **trainer("Pausing")), *DEBUG]
    done = run(words, input="p value\nn\np value\nc\n")
    assert done.returncode == 0, done.stderr
    assert re.findall(r"\(Pdb\) (\d+)", done.stdout) == ["1", "2"]


def test_leaving_the_debugger_ends_the_run(experiment):
    done = run([*experiment(rounds=1, **trainer("Pausing")), *DEBUG], input="q\n")
    assert done.returncode == 1
    assert done.stderr == "uid 1 (rank 1, machine 0): stopped in the debugger\n"


def test_a_breakpoint_in_a_process_says_which_engine_has_a_terminal(experiment):
    done = run(experiment(rounds=1, **trainer("Pausing")))
    assert done.returncode == 1
    assert "breakpoint() needs --engine debug" in done.stderr


@pytest.mark.slow
def test_the_others_finish_without_a_node_that_fails(experiment, tmp_path):
    dying = {"dataset_class": "Dying"}
    words = experiment(DATASET=dying, FAULTS={"on_peer_loss": "drop"})
    done = run([*words, *DEBUG])
    assert done.returncode == 1
    assert "the toy broke" in done.stderr
    finished = sorted(results(tmp_path / "run"))
    rounds = {
        name: len(table["total_bytes"])
        for name, table in results(tmp_path / "run").items()
    }
    assert len(finished) == NODES
    assert rounds == {
        "0_results.json": 10,
        "1_results.json": 10,
        "2_results.json": 2,
        "3_results.json": 10,
    }


def test_nodes_that_wait_for_each_other_reach_their_time_limit(experiment):
    silent = {"node_package": MODULE, "node_class": "Silent"}
    words = experiment(FAULTS={"peer_timeout": "0.2"}, NODE=silent)
    done = run([*words, *DEBUG])
    assert done.returncode == 3
    assert "PeerTimeout: waiting on DPSGD for uid " in done.stderr


def test_a_node_that_sends_to_one_which_does_not_wait_for_it_is_named(experiment):
    one_way = {"node_package": MODULE, "node_class": "OneWay"}
    done = run([*experiment(FAULTS={"peer_timeout": "0.2"}, NODE=one_way), *DEBUG])
    assert done.returncode == 3
    wait = r"waiting on DPSGD for uid (\d) for 0\.2 s"
    cause = r"uid (\d) sends to uid (\d) in round 1, which does not wait for it"
    named = re.search(f"{wait}; {cause}: their get_neighbors", done.stderr)
    after, before, uid = map(int, named.groups())
    assert (before, after) == ((uid - 1) % NODES, (uid + 1) % NODES)


@pytest.mark.parametrize(
    ("flags", "sections", "told"),
    [
        (
            ("-ms", "2", "-mid", "0"),
            {},
            "--engine debug: expected process, with -ms 2",
        ),
        (
            (),
            {
                "COMMUNICATION": {
                    "comm_package": "tests.support.transports",
                    "comm_class": "Wild",
                }
            },
            "comm_class = Wild",
        ),
        (
            ("--engine", "debg"),
            {},
            "--engine: debg: expected process or packed or debug",
        ),
    ],
    ids=["machines", "transport", "name"],
)
@pytest.mark.slow
def test_what_the_engine_cannot_run_is_said_before_the_start(
    experiment, flags, sections, told
):
    done = run([*experiment(**sections), *DEBUG, *flags])
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
